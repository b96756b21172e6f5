//! How a run ends, as a number for scripts.

/// The exit codes of trenchcheck. They are part of its interface.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum ExitCode {
    /// Everything that gates passed.
    Conforms = 0,
    /// A gating check failed.
    Failed = 1,
    /// The command line, the target or a scenario file is wrong.
    Usage = 2,
    /// The target could not be reached, or a positive control failed.
    Unreachable = 3,
    /// Nothing ran, or nothing could be concluded.
    Inconclusive = 4,
    /// A known deviation is stale: it passed, or it expired.
    StaleDeviation = 5,
    /// A load threshold was missed.
    ThresholdMissed = 6,
    /// A load run is invalid: the generator fell behind.
    InvalidLoad = 7,
    /// A fault in trenchcheck itself.
    Internal = 70,
    /// Ctrl-C.
    Interrupted = 130,
}
