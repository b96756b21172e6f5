use std::net::{IpAddr, Ipv4Addr};

use super::*;
use crate::mock::behaviour::Behaviour;
use crate::mock::engine::Engine;

const LOOPBACK: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
const ELSEWHERE: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1));

fn control(token: Option<&str>) -> Control {
    let engine = Arc::new(Engine::new(Behaviour::default(), 0));
    Control::new(Arc::new(Gateway::new(engine, None, None)), token.and_then(ControlToken::new))
}

fn ask(control: &Control, peer: IpAddr, headers: &[(&str, &str)]) -> u16 {
    let headers: Vec<(&str, &[u8])> = headers.iter().map(|(name, value)| (*name, value.as_bytes())).collect();
    let (method, path) = ("GET", "/_mock/health");
    let request = Request { method, path, headers: &headers, peer: Some(peer), ..Request::default() };
    match control.handle(&request, 0) {
        Answer::Reply(reply) => reply.status,
        other => panic!("{other:?}"),
    }
}

#[test]
fn without_a_token_only_this_machine_under_its_own_names() {
    let control = control(None);
    for host in ["localhost", "LOCALHOST:4010", "127.0.0.1:4010", "127.0.0.1", "[::1]:4010", "[::1]"] {
        assert_eq!(ask(&control, LOOPBACK, &[("Host", host)]), 200, "{host}");
    }
    for host in ["evil.example", "localhost.evil.example", "127.0.0.1.evil.example:80", "", "localhost:80:80"]
    {
        assert_eq!(ask(&control, LOOPBACK, &[("Host", host)]), 403, "{host}");
    }
    assert_eq!(ask(&control, LOOPBACK, &[]), 403);
    assert_eq!(ask(&control, ELSEWHERE, &[("Host", "localhost")]), 403);
}

#[test]
fn a_page_of_another_site_is_refused() {
    let control = control(None);
    let host = ("Host", "localhost:4010");
    assert_eq!(ask(&control, LOOPBACK, &[host, ("Origin", "http://localhost:4010")]), 200);
    assert_eq!(ask(&control, LOOPBACK, &[host, ("Origin", "https://evil.example")]), 403);
    assert_eq!(ask(&control, LOOPBACK, &[host, ("Origin", "null")]), 403);
}

#[test]
fn with_a_token_everybody_who_has_it_and_nobody_else() {
    let control = control(Some("open sesame"));
    let host = ("Host", "mock.example");
    assert_eq!(ask(&control, ELSEWHERE, &[host, ("Authorization", "Bearer open sesame")]), 200);
    assert_eq!(ask(&control, ELSEWHERE, &[host, ("Authorization", "Bearer open")]), 401);
    assert_eq!(ask(&control, LOOPBACK, &[("Host", "localhost")]), 401);
    assert!(!format!("{control:?}").contains("sesame"));
}

#[test]
fn an_empty_token_is_none() {
    assert_eq!(ControlToken::new(""), None);
}

#[test]
fn no_two_operations_have_the_same_name_or_place() {
    let (mut ids, mut places) = (std::collections::HashSet::new(), std::collections::HashSet::new());
    for operation in OPERATIONS.iter() {
        assert!(ids.insert(operation.id), "{}", operation.id);
        assert!(places.insert((operation.method, operation.path)), "{}", operation.path);
        assert!(operation.about.ends_with('.'), "{}", operation.about);
    }
}
