//! Where keys are read from, and what becomes of one that is named twice.

use std::ffi::OsString;

use super::error::TargetError;
use super::role::{Key, Role};
use super::variables::role_variable;
use crate::contract::{ApiKey, InvalidApiKey};

/// How many keys of one role are looked for: `…_STANDARD`, `…_STANDARD_2` and so on.
const MOST_KEYS_OF_A_ROLE: u32 = 9;

/// The keys in the default variables. `lookup` is the environment.
pub(super) fn default_keys(lookup: &dyn Fn(&str) -> Option<OsString>) -> Result<Vec<Key>, TargetError> {
    let mut keys = Vec::new();
    for role in Role::ALL.into_iter().filter(|role| *role != Role::Any) {
        for nth in 1..=MOST_KEYS_OF_A_ROLE {
            let variable = role_variable(role, nth);
            if let Some(secret) = read_key(&variable, lookup)? {
                keys.push(Key {
                    variable,
                    secret,
                    tier: role.tier(),
                    scopes: role.scopes(),
                    account: None,
                    given_for: Some(role),
                    mock_id: None,
                });
            }
        }
    }
    Ok(keys)
}

/// Keys that stand in several variables, as one each: a key has one quota however often it is named.
pub(super) fn merge_same(keys: Vec<Key>) -> Result<Vec<Key>, TargetError> {
    let mut merged: Vec<Key> = Vec::with_capacity(keys.len());
    for key in keys {
        let Some(same) = merged.iter_mut().find(|other| other.secret == key.secret) else {
            merged.push(key);
            continue;
        };
        match (same.tier, key.tier) {
            (Some(one), Some(other)) if one != other => {
                return Err(TargetError::TwoTiers(same.variable.clone(), key.variable));
            }
            (one, other) => same.tier = one.or(other),
        }
        same.scopes.extend(key.scopes);
        same.scopes.sort();
        same.scopes.dedup();
        same.account = same.account.take().or(key.account);
    }
    Ok(merged)
}

/// The key in one variable; an empty variable counts as not set.
pub(super) fn read_key(
    variable: &str,
    lookup: &dyn Fn(&str) -> Option<OsString>,
) -> Result<Option<ApiKey>, TargetError> {
    lookup(variable)
        .filter(|text| !text.is_empty())
        .map(usable)
        .transpose()
        .map_err(|why| TargetError::BadKey(variable.to_owned(), why))
}

/// The key that a variable holds. One that stands in quotes might be sent, but nobody gives out such keys.
fn usable(text: OsString) -> Result<ApiKey, InvalidApiKey> {
    let text = text.into_string().map_err(|_| InvalidApiKey::NotText)?;
    let is_quoted = |quote| text.len() > 1 && text.starts_with(quote) && text.ends_with(quote);
    if is_quoted('"') || is_quoted('\'') {
        return Err(InvalidApiKey::Quoted);
    }
    ApiKey::new(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn several_keys_of_a_role_are_numbered_from_two() {
        let environment = |name: &str| match name {
            "TRENCHCHECK_KEY_STANDARD" => Some("ct_live_aaaaaaaaaaaa".into()),
            "TRENCHCHECK_KEY_STANDARD_3" => Some("ct_live_bbbbbbbbbbbb".into()),
            "TRENCHCHECK_KEY_READ" => Some(OsString::new()),
            _ => None,
        };
        let keys = default_keys(&environment).unwrap();
        let names: Vec<_> = keys.iter().map(|key| key.variable.as_str()).collect();
        assert_eq!(names, ["TRENCHCHECK_KEY_STANDARD", "TRENCHCHECK_KEY_STANDARD_3"]);
    }

    #[test]
    fn one_key_in_two_variables_is_one_key() {
        let same = |names: &'static [&'static str]| {
            move |name: &str| names.contains(&name).then(|| "ct_live_aaaaaaaaaaaa".into())
        };
        let read = same(&["TRENCHCHECK_KEY_STANDARD", "TRENCHCHECK_KEY_READ"]);
        let merged = merge_same(default_keys(&read).unwrap()).unwrap();
        assert_eq!(merged.len(), 1);
        assert!(Role::Standard.fits(&merged[0]) && Role::Read.fits(&merged[0]));

        let both = same(&["TRENCHCHECK_KEY_INGESTION", "TRENCHCHECK_KEY_BOTH"]);
        let merged = merge_same(default_keys(&both).unwrap()).unwrap();
        assert!(Role::Ingestion.fits(&merged[0]) && Role::Both.fits(&merged[0]));
        assert!(!Role::Write.fits(&merged[0]));

        let tiers = same(&["TRENCHCHECK_KEY_STANDARD", "TRENCHCHECK_KEY_PREMIUM"]);
        let error = merge_same(default_keys(&tiers).unwrap()).unwrap_err().to_string();
        assert!(error.contains("TRENCHCHECK_KEY_STANDARD and TRENCHCHECK_KEY_PREMIUM"), "{error}");
    }

    #[test]
    fn a_bad_key_is_named_by_its_variable_only() {
        let environment =
            |name: &str| (name == "TRENCHCHECK_KEY_BOTH").then(|| "ct_live_secretsecret\n".into());
        let error = default_keys(&environment).unwrap_err().to_string();
        assert!(error.contains("TRENCHCHECK_KEY_BOTH") && !error.contains("secretsecret"), "{error}");
    }

    #[cfg(unix)]
    #[test]
    fn a_key_that_is_no_text_is_not_taken_for_a_missing_one() {
        use std::os::unix::ffi::OsStringExt as _;
        let environment = |name: &str| {
            (name == "TRENCHCHECK_KEY_BOTH").then(|| OsString::from_vec(b"ct_live_\xff".to_vec()))
        };
        let error = default_keys(&environment).unwrap_err().to_string();
        assert!(error.contains("TRENCHCHECK_KEY_BOTH") && error.contains("not UTF-8"), "{error}");
    }
}
