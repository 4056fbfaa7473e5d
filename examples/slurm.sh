#!/bin/sh
# A sweep as an array of jobs: sbatch --array=1-8 examples/slurm.sh sweep.toml runs/sweep
# Each task trains its part, one thread a run and as many at once as it has cores. A task that is
# stopped goes on where it was when the same line is given again; so does one that Slurm requeues.
#SBATCH --job-name=fanin
#SBATCH --cpus-per-task=8
#SBATCH --mem=4G
#SBATCH --time=04:00:00
#SBATCH --signal=TERM@60
#SBATCH --requeue
# Afterwards, anywhere: fanin compare runs/sweep. On machines that share no folder give each its own
# and bring them together: fanin sweep merge runs/all runs/part-*
exec srun --cpus-per-task="${SLURM_CPUS_PER_TASK:-1}" fanin sweep "$1" --out "$2" --shard slurm --jobs "${SLURM_CPUS_PER_TASK:-0}"
