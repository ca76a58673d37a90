#!/usr/bin/env bash
# A step of training on 1, 2 and 4 processes of one thread, 4 clips each: SLOW_8x8_R50 at crop 112.
#   bench/processes.sh [SF [SET]]
# SF: the program, default build/sf. SET: a folder for the videos; one that `sf synth` has made is taken as it is.
# Prints processes, median and least milliseconds of a step without the wait for clips (dt_net).
set -euo pipefail
sf=${1:-build/sf} set=${2:-$(mktemp -d)}
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT
[ -f "$set/train.csv" ] || "$sf" synth --out "$set" --videos 160 --seed 1 >/dev/null
export OMP_WAIT_POLICY=passive
echo "processes median_ms least_ms"
for processes in 1 2 4; do
  OMP_NUM_THREADS=1 "$sf" run --cfg configs/Kinetics/SLOW_8x8_R50.yaml NUM_GPUS 0 DATA.PATH_TO_DATA_DIR "$set" \
    TRAIN.ENABLE True TEST.ENABLE False TRAIN.BATCH_SIZE $((4 * processes)) SF.CPU_PROCESSES $processes \
    DATA.TRAIN_CROP_SIZE 112 DATA.TRAIN_JITTER_SCALES '[128,160]' MODEL.NUM_CLASSES 8 SOLVER.MAX_EPOCH 1 \
    TRAIN.EVAL_PERIOD 10 TRAIN.CHECKPOINT_PERIOD 10 LOG_PERIOD 1 BN.USE_PRECISE_STATS False \
    DATA_LOADER.NUM_WORKERS 1 SF.MEMORY_LIMIT 5 OUTPUT_DIR "$out/$processes" >"$out/log" ||
    { tail -3 "$out/log" >&2; exit 1; }
  grep '"train_iter_"' "$out/log" | grep -o '"dt_net": [0-9.]*' | cut -d' ' -f2 | sort -n |
    awk -v n="$processes" '{v[NR] = 1000 * $1} END {print n, v[int((NR + 1) / 2)], v[1]}'
done
