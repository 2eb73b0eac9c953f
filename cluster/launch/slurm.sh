#!/bin/bash
# A Ray of one job's own on Slurm, and the application on it until the job ends.
#   sbatch cluster/launch/slurm.sh qwq-32b-awq
#SBATCH --job-name=votebox
#SBATCH --nodes=2
#SBATCH --ntasks-per-node=1
#SBATCH --cpus-per-task=16
#SBATCH --gpus-per-node=4
#SBATCH --time=08:00:00
set -euo pipefail

preset=${1:?"usage: sbatch slurm.sh PRESET"}
venv=${VOTEBOX_VENV:-$HOME/votebox/.venv}
nodes=$(scontrol show hostnames "$SLURM_JOB_NODELIST")
head=$(head -n 1 <<<"$nodes")
# Jobs share nodes: ports of this job's own, and a token without which nobody reaches them.
port=$((20000 + SLURM_JOB_ID % 10000))
dashboard=$((port + 10000))
umask 077
export RAY_AUTH_MODE=token
export RAY_AUTH_TOKEN_PATH=$SLURM_SUBMIT_DIR/votebox-$SLURM_JOB_ID.token
od -An -N32 -tx1 /dev/urandom | tr -d ' \n' >"$RAY_AUTH_TOKEN_PATH"
trap 'rm -f "$RAY_AUTH_TOKEN_PATH"' EXIT

start() { srun --overlap --nodes=1 --ntasks=1 --nodelist="$1" "$venv/bin/ray" start --block "${@:2}" & }
start "$head" --head --port="$port" --dashboard-port="$dashboard" --dashboard-host=127.0.0.1
sleep 20
while read -r node; do
  [ "$node" = "$head" ] || start "$node" --address="$head:$port"
done <<<"$nodes"
sleep 20

srun --overlap --nodes=1 --ntasks=1 --nodelist="$head" "$venv/bin/votebox" doctor --cluster \
  --preset "$preset" --address "$head:$port"
srun --overlap --nodes=1 --ntasks=1 --nodelist="$head" "$venv/bin/votebox" deploy "$preset" \
  --address "http://127.0.0.1:$dashboard" --wait 3600
wait
