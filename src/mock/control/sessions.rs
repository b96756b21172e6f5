//! The sessions of a workspace, without a key and without a limit.

use crate::mock::store::SessionList;
use crate::mock::sync::lock;

use super::answer::data;
use super::operation::{Gives, Operation, Parameter, data_of};

/// The largest page.
const MOST: u64 = 1_000;

pub(super) const OPERATIONS: &[Operation] = &[Operation {
    method: "GET",
    path: "workspaces/{workspace}/sessions",
    id: "listSessions",
    about: "What `GET /api/v1/sessions` lists, newest first.",
    parameters: || {
        vec![
            Parameter { name: "limit", about: "How many, at most 1000; 50 without it.", is_number: true },
            Parameter { name: "offset", about: "How many are left out before them.", is_number: true },
        ]
    },
    body: None,
    gives: Gives::Json(200, data_of::<SessionList<'static>>),
    run: |call| {
        let workspace = call.workspace()?;
        let limit = call.number("limit", 50, 1..=MOST)?;
        let offset = call.number("offset", 0, 0..=u64::from(u32::MAX))?;
        let store = lock(&workspace.store);
        Ok(data(200, store.sessions(None, limit as usize, offset as usize)))
    },
}];
