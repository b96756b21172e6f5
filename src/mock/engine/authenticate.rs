//! Which key a request is known by.

use std::sync::Arc;

use super::Engine;
use super::site::Site;
use crate::mock::keys::{KeyEntry, KeyHash};
use crate::mock::sync::read;
use crate::mock::visit::{Presented, Visit};

impl Engine {
    /// Fills in the key of a visit, and gives it even if it has been revoked. `strict` is the key the header named
    /// exactly.
    pub(super) fn authenticate(
        &self,
        site: &Site,
        visit: &mut Visit<'_>,
        strict: Option<Arc<KeyEntry>>,
    ) -> Option<Arc<KeyEntry>> {
        let found = strict.or_else(|| self.elsewhere(site, visit)).or_else(|| {
            let remembers = site.knobs().connections_remember;
            remembers.then(|| site.shown_by(visit.request.connection)).flatten()
        });
        let key = found?;
        let grace = site.knobs().revoked_grace_ms;
        visit.revoked = key.revoked_at().is_some_and(|at| visit.now >= at.saturating_add(grace));
        if visit.revoked {
            return Some(key);
        }
        visit.key = Some(Arc::clone(&key));
        if site.knobs().connections_keep_their_key {
            visit.key = site.shown_by(visit.request.connection).or(Some(Arc::clone(&key)));
        }
        if site.knobs().connections_remember || site.knobs().connections_keep_their_key {
            site.remember(visit.request.connection, visit.key.as_ref().unwrap_or(&key));
        }
        if site.knobs().closed.iter().any(|closed| closed(visit)) {
            visit.key = None;
        }
        Some(key)
    }

    /// Looks where the deviations of the workspace look. The reference looks nowhere.
    fn elsewhere(&self, site: &Site, visit: &Visit<'_>) -> Option<Arc<KeyEntry>> {
        let knobs = site.knobs();
        let header = match visit.presented {
            Presented::Key(key) => Some(key),
            Presented::Conflicting(first) if knobs.first_line_wins => Some(first),
            Presented::Missing | Presented::Conflicting(_) => None,
        };
        if let Some(presented) = header {
            if let Some(key) = self.known_here(site, presented) {
                return Some(key);
            }
            for form in &knobs.forms {
                if let Some(canonical) = (form.presented)(presented)
                    && let Some(key) = read(&site.forms).get(&KeyHash::of(&canonical))
                {
                    return Some(Arc::clone(key));
                }
            }
        }
        let rescue = visit.presented != Presented::Missing;
        knobs.places.iter().filter(|place| place.rescues == rescue).find_map(|place| {
            let presented = (place.look)(visit.request)?;
            self.known_here(site, &presented)
        })
    }

    fn known_here(&self, site: &Site, presented: &[u8]) -> Option<Arc<KeyEntry>> {
        let keys = read(&self.keys);
        let (owner, key) = keys.get(&KeyHash::of(presented))?;
        Arc::ptr_eq(owner, site).then(|| Arc::clone(key))
    }
}
