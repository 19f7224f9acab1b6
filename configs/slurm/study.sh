#!/usr/bin/env bash
# A study as a job array of SLURM: one job a run, then one that scores all and writes the table.
#
#     bash configs/slurm/study.sh configs/studies/demo.yaml --partition=gpu --gpus=1
#
# What stands after the study goes to sbatch. The environment that has `vaer` must be active here.
#SBATCH --job-name=vaer-study
#SBATCH --cpus-per-task=4
#SBATCH --mem=16G
#SBATCH --time=08:00:00
set -euo pipefail

case "${1:-}" in
    --one) exec vaer study "$2" --index "$SLURM_ARRAY_TASK_ID" ;;
    --all) exec vaer study "$2" ;;
esac
study=${1:?the YAML file of a study}
last=$(($(vaer study "$study" --count) - 1))
runs=$(sbatch --parsable --array="0-$last" "${@:2}" "$0" --one "$study")
sbatch --parsable --dependency="afterany:${runs%%;*}" "${@:2}" "$0" --all "$study"
