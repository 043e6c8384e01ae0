#!/usr/bin/env bash
# Type-checks and lints both crates for platforms that this machine is not, and looks for platform functions without
# a body. Nothing is linked or run: docs/platforms.md says what has been.
#
#   ci/cross-check.sh [TARGET…]     default: the three targets below
#
# No standard library of those targets need be installed: Debian's packages of the Rust compiler bring the sources of
# their own standard library, so that it can be built for any target (nightly's -Zbuild-std, which RUSTC_BOOTSTRAP
# allows on a stable compiler). They are unpacked into a cache, not installed: they would replace the machine's Rust.
# Needs a Debian or Ubuntu that has these packages, and cargo of the same minor version or one older.
set -euo pipefail
cd "$(dirname "$0")/.."

targets=("$@")
if [ ${#targets[@]} -eq 0 ]; then
  targets=(x86_64-pc-windows-msvc aarch64-apple-darwin aarch64-unknown-linux-gnu)
fi
packages=(rustc-web libstd-rust-web-dev rust-web-src rust-web-clippy)
cache=${PLUMP_CROSS_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/plump-ipc-cross}

for tool in cargo node apt-get apt-cache dpkg; do
  command -v "$tool" >/dev/null || { echo "ci/cross-check.sh needs $tool on PATH."; exit 1; }
done

# --- the compiler -----------------------------------------------------------------------------------------------

candidate() { apt-cache policy rustc-web | sed -n 's/^  Candidate: //p'; }
version=$(candidate)
if [ -z "$version" ] || [ "$version" = '(none)' ]; then
  apt-get update -qq
  version=$(candidate)
fi
if [ -z "$version" ] || [ "$version" = '(none)' ]; then
  echo 'ci/cross-check.sh needs the package rustc-web, and no source of packages of this machine has it.'
  exit 1
fi

root=$cache/${version//[^0-9a-zA-Z.]/_}
if [ ! -e "$root/complete" ]; then
  echo "fetching the compiler, $version, into $root"
  rm -rf "$root"
  mkdir -p "$root/debs"
  # The simulated installation names what these packages need and this machine lacks.
  needed=$(apt-get --simulate --no-install-recommends install "${packages[@]}" | sed -n 's/^Inst \([^ ]*\).*/\1/p')
  (
    cd "$root/debs"
    # An index older than the archive asks for versions that are gone.
    # shellcheck disable=SC2086
    apt-get download -qq "${packages[@]}" $needed 2>/dev/null ||
      { apt-get update -qq && apt-get download -qq "${packages[@]}" $needed; }
    for package in *.deb; do dpkg -x "$package" "$root"; done
  )
  rm -rf "$root/debs"
  touch "$root/complete"
fi

libraries=$(find "$root/usr/lib" -name '*.so*' -printf '%h\n' | sort -u | paste -sd:)
export LD_LIBRARY_PATH=$libraries${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}
export RUSTC=$root/usr/bin/rustc
export RUSTC_BOOTSTRAP=1
# Apart from everyday builds: another compiler would throw their artifacts away, and they its.
export CARGO_TARGET_DIR=target/cross
unset RUSTC_WRAPPER RUSTC_WORKSPACE_WRAPPER RUSTFLAGS
"$RUSTC" --version

# --- the checks -------------------------------------------------------------------------------------------------

failed=0
for target in "${targets[@]}"; do
  for crate in plump-core plump-node; do
    echo "clippy $crate for $target"
    "$root/usr/bin/cargo-clippy" clippy --quiet --package "$crate" --target "$target" \
      -Zbuild-std=std,panic_abort -- --deny warnings || failed=$((failed + 1))
  done
done

echo 'bodies of the platform functions'
node scripts/platform-bodies.js || failed=$((failed + 1))

if [ "$failed" -gt 0 ]; then
  echo "$failed checks failed"
  exit 1
fi
echo "all checked: ${targets[*]}"
