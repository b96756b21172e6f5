//! Which key a request is known by.

use std::sync::Arc;

use super::Engine;
use super::site::Site;
use crate::mock::context::{Presented, RequestContext};
use crate::mock::keys::{KeyEntry, KeyHash};
use crate::mock::sync::read;

impl Engine {
    /// Fills in the key of a context, and gives it even if it has been revoked. `strict` is the key the header named
    /// exactly.
    pub(super) fn authenticate(
        &self,
        site: &Site,
        context: &mut RequestContext<'_>,
        strict: Option<Arc<KeyEntry>>,
    ) -> Option<Arc<KeyEntry>> {
        let found = strict.or_else(|| self.elsewhere(site, context)).or_else(|| {
            let remembers = site.behaviour().connections_remember;
            remembers.then(|| site.shown_by(context.request.connection)).flatten()
        });
        let key = found?;
        let grace = site.behaviour().revoked_grace_ms;
        context.revoked = key.revoked_at().is_some_and(|at| context.now >= at.saturating_add(grace));
        if context.revoked {
            return Some(key);
        }
        context.key = Some(Arc::clone(&key));
        if site.behaviour().connections_keep_their_key {
            context.key = site.shown_by(context.request.connection).or(Some(Arc::clone(&key)));
        }
        if site.behaviour().connections_remember || site.behaviour().connections_keep_their_key {
            site.remember(context.request.connection, context.key.as_ref().unwrap_or(&key));
        }
        if site.behaviour().closed.iter().any(|closed| closed(context)) {
            context.key = None;
        }
        Some(key)
    }

    /// Looks where the deviations of the workspace look. The reference looks nowhere.
    fn elsewhere(&self, site: &Site, context: &RequestContext<'_>) -> Option<Arc<KeyEntry>> {
        let behaviour = site.behaviour();
        let header = match context.presented {
            Presented::Key(key) => Some(key),
            Presented::Conflicting(first) if behaviour.first_line_wins => Some(first),
            Presented::Missing | Presented::Conflicting(_) => None,
        };
        if let Some(presented) = header {
            if let Some(key) = self.known_here(site, presented) {
                return Some(key);
            }
            for form in &behaviour.forms {
                if let Some(canonical) = (form.presented)(presented)
                    && let Some(key) = read(&site.forms).get(&KeyHash::of(&canonical))
                {
                    return Some(Arc::clone(key));
                }
            }
        }
        let rescue = context.presented != Presented::Missing;
        behaviour.places.iter().filter(|place| place.rescues == rescue).find_map(|place| {
            let presented = (place.look)(context.request)?;
            self.known_here(site, &presented)
        })
    }

    fn known_here(&self, site: &Site, presented: &[u8]) -> Option<Arc<KeyEntry>> {
        let keys = read(&self.keys);
        let (owner, key) = keys.get(&KeyHash::of(presented))?;
        Arc::ptr_eq(owner, site).then(|| Arc::clone(key))
    }
}
