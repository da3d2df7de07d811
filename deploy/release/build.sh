#!/usr/bin/env bash
# Builds what is released for one target, with a list of what is in it.
#
#   build.sh TARGET FOLDER        such as: build.sh x86_64-unknown-linux-musl dist
#
# Writes outcrop-TARGET.tar.gz (program, licence, shell completions, manual pages) and outcrop-TARGET.cdx.json (CycloneDX).
set -euo pipefail
cd "$(dirname "$0")/../.."
target="$1" folder="$2"
case "$target" in
  *-linux-musl)
    if [ "$(id -u)" = 0 ]; then as=(); else as=(sudo); fi
    command -v musl-gcc >/dev/null || { "${as[@]}" apt-get update -qq; "${as[@]}" apt-get install -y -qq --no-install-recommends musl-tools >/dev/null; } ;;
  # Nothing else has to be on the machine: not even Microsoft's runtime library.
  *-windows-msvc) export RUSTFLAGS="-C target-feature=+crt-static" ;;
esac
case "$target" in *-windows-*) ending=.exe ;; *) ending="" ;; esac
python="$(command -v python3 || command -v python)"
rustup target add "$target"
cargo build --release --locked --target "$target"
# A cross-built program cannot be asked; each target is built on its own kind of machine.
program="${CARGO_TARGET_DIR:-target}/$target/release/outcrop$ending"
"$program" --version
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT
mkdir -p "$folder"
cp "$program" LICENSE "$work"
mkdir "$work/completions" "$work/man"
for shell in bash zsh fish powershell; do "$program" completions "$shell" > "$work/completions/outcrop.$shell"; done
"$program" man "$work/man"
# The same bytes from the same program: sorted, without names of people and without times.
if tar --version 2>/dev/null | grep -q GNU; then
  tar --sort=name --owner=0 --group=0 --numeric-owner --mtime='UTC 2026-01-01' -C "$work" -cf - "outcrop$ending" LICENSE completions man | gzip -n > "$folder/outcrop-$target.tar.gz"
else
  tar -C "$work" -czf "$folder/outcrop-$target.tar.gz" "outcrop$ending" LICENSE completions man
fi
"$python" deploy/release/sbom.py "$target" > "$folder/outcrop-$target.cdx.json"
