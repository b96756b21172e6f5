//! A key whose random part is a word of our own: what it masks is the echo of the target, and no id, clause or file name.

use crate::echo::{Manner, serve};
use crate::program::trenchcheck;

#[tokio::test(flavor = "multi_thread")]
async fn ids_files_and_cases_stay_whole() {
    let key = "ct_live_missing";
    let server = serve(Manner::Open, vec![key.to_owned()]).await;
    let url = server.url();
    let (ran, folder) = tokio::task::spawn_blocking(move || {
        let folder = tempfile::tempdir().unwrap();
        let words = ["test", "--target", &url, "auth.missing", "auth.no-query"];
        let reports =
            ["-vv", "--json", "report.json", "--junit", "report.xml", "--evidence", "evidence.json"];
        let words = [&words[..], &reports].concat();
        (trenchcheck(folder.path(), &words, &[("TRENCHCHECK_KEY_READ", key)]), folder)
    })
    .await
    .unwrap();
    assert!(ran.out.contains("x-echo-"), "the echo is shown: {}", ran.out);
    let read = |name: &str| std::fs::read_to_string(folder.path().join(name)).unwrap();
    let report: serde_json::Value = serde_json::from_str(&read("report.json")).unwrap();
    let check = &report["checks"][0];
    assert_eq!((&check["id"], &check["verdict"]), (&"auth.missing".into(), &"fail".into()), "{check}");
    assert!(check["file"].as_str().unwrap().ends_with("auth/missing.yaml"), "{check}");
    let case = "<testcase name=\"auth.missing\" classname=\"trenchcheck.auth\"";
    assert!(read("report.xml").contains(case), "{}", read("report.xml"));
    let files = ["report.json", "report.xml", "evidence.json"].map(|name| (name, read(name)));
    for (name, text) in files.iter().map(|(name, text)| (*name, text)).chain([("output", &ran.out)]) {
        assert!(
            !text.contains(key) && !text.contains("auth.…") && !text.contains("error.…"),
            "{name}: {text}"
        );
    }
}
