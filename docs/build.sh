#!/usr/bin/env bash
# Builds the documentation: the pages of this folder, and a reference that the program writes of its rules, tables, commands and controls.
#
#   docs/build.sh PROGRAM FOLDER      such as: docs/build.sh target/debug/outcrop target/docs
#
# Needs mdbook on the PATH, or in MDBOOK. FOLDER must not exist yet; the pages are in FOLDER/book.
set -euo pipefail
program="$(realpath "$1")"
mkdir "$2"
folder="$(realpath "$2")"
cd "$(dirname "$0")"
cp -R book.toml src "$folder"
"$program" reference "$folder/src/reference"
# The reference's own summary goes where the book's names it.
{
  cat src/SUMMARY.md
  sed 's#](\(.*\))$#](reference/\1)#' "$folder/src/reference/SUMMARY.md"
} > "$folder/src/SUMMARY.md"
rm "$folder/src/reference/SUMMARY.md"
mkdir "$folder/src/schemas"
"$program" config schema > "$folder/src/schemas/outcrop.schema.json"
"$program" rules schema > "$folder/src/schemas/rule.schema.json"
"${MDBOOK:-mdbook}" build "$folder" >/dev/null
