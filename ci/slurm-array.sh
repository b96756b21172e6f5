#!/usr/bin/env bash
# A load run on the nodes of a Slurm cluster, merged and judged as one:
#
#   TARGET=https://staging.example.com ALLOW_HOST=staging.example.com ci/slurm-array.sh sustain-ingestion --duration 30s
#
# What is given to it, a profile (default sustain-ingestion) and options, goes to `trenchcheck load`. Start it on the login
# node; it hands itself to sbatch twice, an array of shards and the merge step, and waits for the verdict.
#
# Limits are per key, so a shard takes whole keys and needs to know nothing of the others: every shard gets the same keys,
# picks its own, and begins at the same moment. The merge step then adds the counts and histograms of all shards and gives
# the one verdict. Where the profile has fewer keys than there are shards, and no --key-count is given, each shard gets one.
#
# Needs: trenchcheck on the PATH here and on every node, a directory all nodes see (here, where you start it), keys in
# TRENCHCHECK_KEY_INGESTION, TRENCHCHECK_KEY_INGESTION_2 and so on (the jobs get this environment), and clocks that agree.
#
# SHARDS (default 4) is how many nodes; START_IN (default 10m) is how long the queue has to give them all. A shard must be up
# five seconds before that moment, and 75 where keys come from the environment: these are used up first, and their fresh
# windows waited for. When a shard is late, or fails, the array is cancelled, and the merge step says which are missing.
# sbatch's own variables choose the rest, such as SBATCH_PARTITION and SBATCH_ACCOUNT.
#
# Exit codes, which `sacct` shows of the merge step: those of `trenchcheck merge`. 6 is a missed threshold, 7 an invalid run,
# as one with a missing shard is, 2 a run that could not be.
#
# ci/packaging/test_slurm.py tries all this on a Slurm of four nodes on one machine; a file system that shows files late, and
# nodes that have to be switched on, it has not.
set -euo pipefail

refuse() {
  printf 'error: %s\n' "$*" >&2
  exit 2
}

# Seconds since 1970 as `load` wants a time.
instant() { date -u -d "@$1" +%Y-%m-%dT%H:%M:%SZ; }

plan() { trenchcheck load "$@" --target "$TARGET" --allow-host "$ALLOW_HOST" --dry-run; }

# How many keys a plan has.
keys() { sed -n 's/.*, over \([0-9,]*\) lanes\{0,1\}, .*/\1/p' <<< "$1" | tr -d ,; }

submit() {
  # sbatch runs a copy of its script under this name.
  [ "${0##*/}" != slurm_script ] || refuse "this is no batch script: start ci/slurm-array.sh itself on the login node, and it calls sbatch"
  local name
  for name in TARGET ALLOW_HOST; do
    [ -n "${!name:-}" ] || refuse "$name is not set: TARGET is the base URL of the deployment, ALLOW_HOST its host, to say that this load is welcome there"
  done
  SHARDS=${SHARDS:-4} START_IN=${START_IN:-10m}
  [[ $SHARDS =~ ^[1-9][0-9]{0,3}$ ]] || refuse "SHARDS is \`$SHARDS\`, which is no number of nodes"
  [[ $START_IN =~ ^([1-9][0-9]{0,5})\ ?([smh])[a-z]*$ ]] || refuse "START_IN is \`$START_IN\`, which is no time such as \`10m\`"
  local now start
  now=$(date +%s)
  case ${BASH_REMATCH[2]} in s) start=1 ;; m) start=60 ;; h) start=3600 ;; esac
  start=$((now + start * BASH_REMATCH[1]))
  case ${1:--} in -*) set -- sustain-ingestion "$@" ;; esac

  # A wrong profile, option or host is told here, before anything is queued.
  local plan
  plan=$(plan "$@")
  if [ "$(keys "$plan")" -lt "$SHARDS" ] && [[ " $* " != *" --key-count"[\ =]* ]]; then
    set -- "$@" --key-count "$SHARDS"
    plan=$(plan "$@")
  fi
  [ "$(keys "$plan")" -ge "$SHARDS" ] || refuse "there are $SHARDS shards and only $(keys "$plan") keys: give a larger --key-count, or fewer SHARDS"
  printf '%s\n' "$plan"
  local minutes early=5
  minutes=$(sed -n '1s/.*, in \([0-9]*\) min [0-9]* s:$/\1/p' <<< "$plan")
  ! grep -q '^Before that each key is used up' <<< "$plan" || early=75
  READY_BY=$((start - early))
  [ "$READY_BY" -gt "$now" ] || refuse "START_IN is \`$START_IN\`: a shard must be up $early seconds before the start, because each key is used up first and its fresh window waited for"

  # Nodes that are down never come, and each shard needs one for itself.
  local partition nodes
  partition=${SBATCH_PARTITION:-$(sinfo --noheader --format=%P | sed -n 's/\*$//p')}
  nodes=$(sinfo --noheader --Node --responding --partition="$partition" --format='%N %T' |
    grep -Evi 'down|drain|fail|maint|unknown|inval' | cut -d ' ' -f 1 | sort -u | wc -l)
  [ "$SHARDS" -le "$nodes" ] || refuse "there are $SHARDS shards, and the partition $partition has $nodes nodes that can take one: lower SHARDS, or choose another with SBATCH_PARTITION"

  RUN="$PWD/trenchcheck-$(date -u -d "@$now" +%Y%m%d-%H%M%S)-$$"
  START_AT=$(instant "$start")
  export TARGET ALLOW_HOST SHARDS RUN START_AT READY_BY
  mkdir "$RUN"
  # --export: the keys go along, whatever the site's default is. --no-requeue: a shard that began again would be late.
  local jobs=(--parsable --export=ALL --no-requeue --job-name="${RUN##*/}")
  # --exclusive: no two shards share a node's network and processors. Two minutes are for what is under way at the end.
  local length=$(((start - now) / 60 + 1 + ${minutes:-0} + 1 + 2)) array
  array=$(TRENCHCHECK_STEP=shard sbatch "${jobs[@]}" --array="1-$SHARDS" --exclusive --nodes=1 --time="$length" \
    --output="$RUN/shard-%a.log" "$0" "$@")
  array=${array%%;*}
  trap 'scancel --name="${RUN##*/}"; exit 130' INT TERM
  # Whatever becomes of the shards: the merge step names those that are missing. sbatch exits as it does.
  TRENCHCHECK_STEP=merge sbatch "${jobs[@]}" --wait --dependency="afterany:$array" --nodes=1 --time=10 \
    --output="$RUN/merge.log" "$0" > "$RUN/merge.id" &
  local merge=$!
  printf 'job %s: %s shards begin at %s; all is left in %s\n' "$array" "$SHARDS" "$START_AT" "$RUN"
  while [ "$(date +%s)" -lt "$READY_BY" ] && kill -0 "$merge" 2>/dev/null; do
    sleep 1
  done
  # Those that are up would send in vain. A shard that came up meanwhile looks at the time itself.
  local late
  late=$(squeue --noheader --array --jobs="$array" --states=PENDING,CONFIGURING --format='%K (%r)' 2>/dev/null) || late=""
  if [ -n "$late" ]; then
    printf 'error: not up by %s, so all shards are cancelled: %s\n' "$(instant "$READY_BY")" "$(paste -sd , - <<< "$late")" >&2
    scancel "$array"
  fi
  local code=0
  wait "$merge" || code=$?
  if [ ! -s "$RUN/merge.log" ]; then
    scancel --name="${RUN##*/}"
    printf 'error: the merge step said nothing; what the shards left is in %s\n' "$RUN" >&2
    [ "$code" -ne 0 ] || code=70
    exit "$code"
  fi
  cat "$RUN/merge.log"
  exit "$code"
}

# Without one shard the others are in vain.
cancel_others() {
  local others=()
  for ((shard = 1; shard <= SHARDS; shard++)); do
    [ "$shard" -eq "$SLURM_ARRAY_TASK_ID" ] || others+=("${SLURM_ARRAY_JOB_ID}_$shard")
  done
  [ ${#others[@]} -eq 0 ] || scancel "${others[@]}" || true
}

shard() {
  local code=0 cancelled=false
  # A cancelled load says what it had sent; the job is over, for the merge step, when that is done.
  trap 'cancelled=true' TERM
  if [ "$(date +%s)" -lt "$READY_BY" ]; then
    trenchcheck load "$@" --target "$TARGET" --allow-host "$ALLOW_HOST" --shard "$SLURM_ARRAY_TASK_ID/$SHARDS" \
      --start-at "$START_AT" --save "$RUN/$SLURM_ARRAY_TASK_ID" || code=$?
  else
    printf 'error: late: up at %s, and must have been by %s; nothing was sent\n' "$(instant "$(date +%s)")" "$(instant "$READY_BY")" >&2
    code=2
  fi
  # 6 and 7 are verdicts on the keys of this shard alone: it has done its work, and the merge step judges.
  case $code in 0 | 6 | 7) exit 0 ;; esac
  [ "$cancelled" = true ] || cancel_others
  exit "$code"
}

merge() {
  local runs=() why
  # Only directories that hold a run: a shard that died is then said to be missing.
  for ((shard = 1; shard <= SHARDS; shard++)); do
    if [ -f "$RUN/$shard/run.json" ]; then
      runs+=("$RUN/$shard")
    else
      why=$(tail -n 1 "$RUN/shard-$shard.log" 2>/dev/null) || why="it never began"
      printf 'shard %s left no run: %s\n' "$shard" "${why:-its log is empty}" >&2
    fi
  done
  [ ${#runs[@]} -gt 0 ] || refuse "no shard left a run"
  exec trenchcheck merge --partial "${runs[@]}" --json "$RUN/load.json" --junit "$RUN/load.xml" --html "$RUN/load.html"
}

case "${TRENCHCHECK_STEP:-submit}" in
  submit) submit "$@" ;;
  shard) shard "$@" ;;
  merge) merge ;;
esac
