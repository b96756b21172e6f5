#!/usr/bin/env bash
# A load run on the nodes of a Slurm cluster, merged and judged as one.
#
# Limits are per key, so a shard takes whole keys and needs to know nothing of the others: every shard gets
# the same keys, picks its own, and begins at the same moment. The merge step then adds the counts and
# histograms of all shards and gives the one verdict. --key-count is how many keys all shards have together:
# here one each; with fewer keys than shards, some shards would have nothing to do.
#
# Needs: trenchcheck on the PATH of every node, a directory all nodes see (here, where you start it), keys in
# TRENCHCHECK_KEY_INGESTION, TRENCHCHECK_KEY_INGESTION_2 and so on (sbatch hands your environment on), and
# clocks that agree. Start it on the login node; it hands itself to sbatch twice and waits for the verdict:
#
#   TARGET=https://staging.example.com ALLOW_HOST=staging.example.com ci/slurm-array.sh
#
# SHARDS (default 4) is how many nodes; START_IN (default 10 minutes) is how long the queue has to give them all.
# Exit codes: those of `trenchcheck load`; 6 is a missed threshold, 7 an invalid run.
set -euo pipefail

case "${STEP:-submit}" in
  submit)
    : "${TARGET:?set TARGET to the base URL of the deployment}"
    : "${ALLOW_HOST:?set ALLOW_HOST to its host, to say that this load is welcome there}"
    export TARGET ALLOW_HOST SHARDS="${SHARDS:-4}"
    START_AT=$(date -u -d "+${START_IN:-10 minutes}" +%Y-%m-%dT%H:%M:%SZ)
    RUN="$PWD/trenchcheck-$(date -u +%Y%m%d-%H%M%S)"
    export START_AT RUN
    mkdir -p "$RUN"
    # --exclusive: no two shards share a node's network and processors.
    array=$(STEP=shard sbatch --parsable --array="1-$SHARDS" --exclusive --output="$RUN/shard-%a.log" "$0")
    # Whatever became of the shards: the merge step names those that are missing. --wait exits as it does.
    code=0
    STEP=merge sbatch --wait --dependency="afterany:${array%%;*}" --output="$RUN/merge.log" "$0" || code=$?
    cat "$RUN/merge.log"
    exit "$code"
    ;;
  shard)
    code=0
    trenchcheck load sustain-ingestion --target "$TARGET" --allow-host "$ALLOW_HOST" \
      --key-count "$SHARDS" --shard "$SLURM_ARRAY_TASK_ID/$SHARDS" --start-at "$START_AT" --save "$RUN/$SLURM_ARRAY_TASK_ID" || code=$?
    # 6 and 7 are verdicts on the keys of this shard alone: it has done its work, and the merge step judges.
    case $code in 0 | 6 | 7) exit 0 ;; *) exit "$code" ;; esac
    ;;
  merge)
    # Only directories that hold a run: a shard that died is then said to be missing.
    shopt -s nullglob
    runs=("$RUN"/*/run.json)
    exec trenchcheck merge "${runs[@]%/run.json}" --json "$RUN/load.json" --junit "$RUN/load.xml"
    ;;
esac
