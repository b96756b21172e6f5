//! Environment variables: which ones are looked at, and values that name some.

use std::ffi::OsString;

use super::role::Role;
use crate::contract::ApiKey;

/// What the default variables begin with.
pub const KEY_VARIABLE_PREFIX: &str = "TRENCHCHECK_KEY_";

/// The variable that holds the token of a mock that was started with one.
pub const CONTROL_TOKEN_VARIABLE: &str = "TRENCHCHECK_CONTROL_TOKEN";

/// The default variable for the `nth` key of a role; the first is 1.
pub fn role_variable(role: Role, nth: u32) -> String {
    // Any key will do for `any`; the one that reads is the easiest to come by.
    let role = if role == Role::Any { Role::Read } else { role };
    let name = format!("{KEY_VARIABLE_PREFIX}{}", role.as_str().to_uppercase());
    if nth == 1 { name } else { format!("{name}_{nth}") }
}

/// A value with its variables filled in, and what they held.
pub(super) fn filled(
    value: &str,
    lookup: &dyn Fn(&str) -> Option<OsString>,
) -> Result<(String, Vec<ApiKey>), String> {
    let (mut text, mut secrets) = (String::new(), Vec::new());
    let mut rest = value;
    while let Some((before, after)) = rest.split_once('$') {
        text.push_str(before);
        let (name, tail) = match after.strip_prefix('{') {
            Some(braced) => braced.split_once('}').ok_or("a `${` has no `}`")?,
            None => {
                let end = after.find(|mark: char| mark != '_' && !mark.is_ascii_alphanumeric());
                after.split_at(end.unwrap_or(after.len()))
            }
        };
        if name.is_empty() {
            return Err("a `$` is followed by no variable's name".to_owned());
        }
        let held = lookup(name).filter(|held| !held.is_empty());
        let held = held.ok_or_else(|| format!("the variable {name} is not set"))?;
        let held = held.into_string().map_err(|_| format!("the variable {name} is not UTF-8"))?;
        secrets.extend(ApiKey::new(held.as_str()));
        text.push_str(&held);
        rest = tail;
    }
    text.push_str(rest);
    Ok((text, secrets))
}
