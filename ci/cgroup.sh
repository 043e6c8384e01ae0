#!/usr/bin/env bash
# Compares what `workers: 'auto'` finds with the limits of real control groups, one inside the other, which it makes for
# this and removes. The tests of crates/plump-core/src/platform/linux/cgroup.rs read files written as the kernel writes
# them; this shows that it does.
#
#   ci/cgroup.sh
#
# Needs root and a file system of control groups that may be written, of version 1 or 2; says which parts it left out and
# why. Exits with 1 when something differs, and with 77 when nothing could be tried.
set -euo pipefail
cd "$(dirname "$0")/.."

tried=0
failed=0
folders=()

# Innermost first. A group with a process in it can't be removed: the program is always waited for.
remove() {
  local at
  for ((at = ${#folders[@]} - 1; at >= 0; at--)); do
    rmdir "${folders[at]}" || true
  done
  folders=()
}
trap remove EXIT
trap 'exit 1' HUP INT TERM

left_out() { echo "left out: $1"; }

make_group() {
  mkdir "$1" 2>/dev/null || return 1
  folders+=("$1")
}

# found FOLDER FIELD: what the program says of that field, run in that group ('' = where this script is).
found() {
  # shellcheck disable=SC2016
  timeout 20 sh -c 'if [ -n "$1" ]; then echo $$ >"$1/cgroup.procs"; fi; exec "$2"' sh "$1" "$program" |
    sed -n "s/^ *\"$2\": \([^,]*\),*\$/\1/p"
}

# expect WHAT FOLDER FIELD VALUE
expect() {
  local got
  got=$(found "$2" "$3")
  tried=$((tried + 1))
  if [ "$got" = "$4" ]; then
    echo "as expected: $1: $3 is $got"
  else
    echo "WRONG: $1: $3 is $got, not $4"
    failed=$((failed + 1))
  fi
}

# limit_cpu FOLDER QUOTA PERIOD, in the words of the version ('' = no limit).
limit_cpu() {
  if [ "$version" = 2 ]; then
    echo "${2:-max} $3" >"$1/cpu.max"
  else
    # Always allowed in this order, whatever the limits around it.
    echo -1 >"$1/cpu.cfs_quota_us"
    echo "$3" >"$1/cpu.cfs_period_us"
    echo "${2:--1}" >"$1/cpu.cfs_quota_us"
  fi
}

limit_memory() {
  if [ "$version" = 2 ]; then echo "$2" >"$1/memory.max"; else echo "$2" >"$1/memory.limit_in_bytes"; fi
}

# place CONTROLLER: sets `version` and `parent`, the folder in which groups may be made; says why not otherwise.
# Only the topmost group that is seen is used: what somebody else put this process into is not for a test to change.
place() {
  local own
  parent=$(awk -v name="$1" '
    { for (at = 7; $at != "-"; at++); }
    $(at + 1) == "cgroup" && ("," $(at + 3) ",") ~ ("," name ",") { print $5; exit }' /proc/self/mountinfo)
  if [ -n "$parent" ]; then
    version=1
    own=$(awk -F: -v name="$1" '("," $2 ",") ~ ("," name ",") { print $3; exit }' /proc/self/cgroup)
    if [ "$own" != / ]; then
      left_out "$1: this process is in the group $own of somebody else"
      return 1
    fi
    return 0
  fi
  version=2
  parent=$(awk '{ for (at = 7; $at != "-"; at++); } $(at + 1) == "cgroup2" { print $5; exit }' /proc/self/mountinfo)
  if [ -z "$parent" ] || ! grep -qw "$1" "$parent/cgroup.controllers"; then
    left_out "$1: no hierarchy of control groups has this controller"
    return 1
  fi
  if ! grep -qw "$1" "$parent/cgroup.subtree_control" && ! echo "+$1" 2>/dev/null >"$parent/cgroup.subtree_control"; then
    left_out "$1: $parent may not have groups with limits"
    return 1
  fi
}

# nest CONTROLLER: makes `outer` and `inner`.
nest() {
  outer=$parent/plump-test-$$
  inner=$outer/inner
  if ! make_group "$outer"; then
    left_out "$1: no group may be made in $parent"
    return 1
  fi
  # Where the controller is on already, this changes nothing.
  if [ "$version" = 2 ]; then echo "+$1" >"$outer/cgroup.subtree_control"; fi
  make_group "$inner"
}

if [ "$(uname)" != Linux ] || [ "$(id -u)" != 0 ]; then
  left_out 'everything: it needs Linux and root'
  exit 77
fi
cargo build --quiet --package plump-core --example allowance
program=${CARGO_TARGET_DIR:-$PWD/target}/debug/examples/allowance

if place cpu && nest cpu; then
  around=$(found '' byQuota)
  echo "CPU time: version $version, in $outer; around it byQuota is $around"
  expect 'no limit' "$inner" byQuota "$around"
  limit_cpu "$outer" 150000 100000
  expect 'the outer group has 1.5 CPUs' "$inner" byQuota 2
  expect 'the outer group has 1.5 CPUs' "$inner" quotaCpus 1.5
  limit_cpu "$inner" 50000 100000
  expect 'the inner group has half a CPU' "$inner" byQuota 1
  expect 'the inner group has half a CPU' "$inner" quotaCpus 0.5
  expect 'the inner group has half a CPU' "$inner" chosen 1
  limit_cpu "$inner" 25000 20000
  expect 'the inner group has 1.25 CPUs in another period' "$inner" quotaCpus 1.25
  expect 'in the outer group' "$outer" quotaCpus 1.5
fi
remove

if place memory && nest memory; then
  echo "memory: version $version, in $outer"
  limit_memory "$outer" 268435456
  expect 'the outer group has 256 MiB' "$inner" memoryLimitBytes 268435456
  expect 'the outer group has 256 MiB, some of them used' "$inner" byMemory 3
  limit_memory "$inner" 100663296
  expect 'the inner group has 96 MiB' "$inner" memoryLimitBytes 100663296
  expect 'the inner group has 96 MiB' "$inner" chosen 1
fi
remove

if [ "$failed" -gt 0 ]; then
  echo "$failed of $tried differ"
  exit 1
fi
if [ "$tried" = 0 ]; then exit 77; fi
echo "all $tried agree"
