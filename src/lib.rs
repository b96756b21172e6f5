//! trenchcheck checks any deployment of the Trenchcoat API against its documented contract.

pub mod cli;
pub mod contract;
pub mod load;
pub mod mock;
mod payload;
mod random;
pub mod report;
pub mod run;
pub mod scenario;
pub mod target;
