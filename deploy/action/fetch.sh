#!/usr/bin/env bash
# Fetches a released program, holds it against its published digest, and puts it into a folder.
#
#   fetch.sh VERSION FOLDER        such as: fetch.sh v0.1.0 "$RUNNER_TEMP/outcrop/bin"
#
# OUTCROP_RELEASES is where releases lie; each holds outcrop-TARGET.tar.gz and SHA256SUMS. OUTCROP_CACHE is a folder in which the
# archive is kept; it is held against the digests of the release like one that was just fetched.
set -euo pipefail
version="$1" folder="$2"
releases="${OUTCROP_RELEASES:?set it to the address of the releases, such as https://github.com/OWNER/outcrop/releases/download}"
case "$version" in
  "" | *[!A-Za-z0-9._-]*) echo "outcrop: \`$version\` is not a release" >&2; exit 1 ;;
esac
case "$(uname -s) $(uname -m)" in
  "Linux x86_64") target=x86_64-unknown-linux-musl ;;
  "Linux aarch64" | "Linux arm64") target=aarch64-unknown-linux-musl ;;
  "Darwin arm64") target=aarch64-apple-darwin ;;
  "Darwin x86_64") target=x86_64-apple-darwin ;;
  MINGW*" x86_64" | MSYS*" x86_64") target=x86_64-pc-windows-msvc ;;
  *) echo "outcrop: no program is released for $(uname -s) $(uname -m); set build: true to build it from source" >&2; exit 1 ;;
esac
name="outcrop-$target.tar.gz"
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT
cached="${OUTCROP_CACHE:+$OUTCROP_CACHE/$name}"
if [ -n "$cached" ] && [ -f "$cached" ]; then cp "$cached" "$work/$name"; fi
for file in "$name" SHA256SUMS; do
  if [ -f "$work/$file" ]; then continue; fi
  curl --fail --silent --show-error --location --retry 3 --output "$work/$file" "$releases/$version/$file" || {
    echo "outcrop: $releases/$version/$file could not be fetched; is there such a release?" >&2
    exit 1
  }
done
# The digest of this file alone; a list that does not name it is an error.
wanted="$(awk -v name="$name" '$2 == name || $2 == "*" name { print $1 }' "$work/SHA256SUMS")"
if command -v sha256sum >/dev/null; then found="$(sha256sum "$work/$name")"; else found="$(shasum -a 256 "$work/$name")"; fi
if [ -z "$wanted" ] || [ "${found%% *}" != "$wanted" ]; then
  echo "outcrop: $name is not what SHA256SUMS of $version says; nothing was installed" >&2
  exit 1
fi
# Who built it, where GitHub's own program can tell.
if [ -n "${OUTCROP_REPOSITORY:-}" ] && [ -n "${GH_TOKEN:-}" ] && command -v gh >/dev/null; then
  gh attestation verify "$work/$name" --repo "$OUTCROP_REPOSITORY" || {
    echo "outcrop: the provenance of $name could not be verified; nothing was installed" >&2
    exit 1
  }
fi
if [ -n "$cached" ]; then mkdir -p "$OUTCROP_CACHE"; cp "$work/$name" "$cached"; fi
case "$target" in *-windows-*) program=outcrop.exe ;; *) program=outcrop ;; esac
mkdir -p "$folder"
tar -xzf "$work/$name" -C "$work" "$program"
install -m 0755 "$work/$program" "$folder/$program"
