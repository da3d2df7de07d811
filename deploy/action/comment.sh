#!/usr/bin/env bash
# Keeps one comment of a pull request up to date.
#
#   comment.sh FILE        the text, in Markdown
#
# GH_TOKEN is that of the workflow or of an app, and may write comments; GITHUB_REPOSITORY and PULL_REQUEST say where. A run without a pull request writes none.
set -euo pipefail
file="$1"
case "${PULL_REQUEST:-}" in
  "") echo "outcrop: there is no pull request to comment on"; exit 0 ;;
  *[!0-9]*) echo "outcrop: \`$PULL_REQUEST\` is not the number of a pull request" >&2; exit 1 ;;
esac
marker='<!-- outcrop: one comment, kept up to date -->'
# GitHub takes 65,536 characters.
body="$(mktemp)"
trap 'rm -f "$body"' EXIT
{
  printf '%s\n' "$marker"
  head -c 60000 "$file" | { iconv -c -f utf-8 -t utf-8 || true; } # which fails where the cut splits a letter
  if [ "$(wc -c < "$file")" -gt 60000 ]; then printf '\n\nThe report is longer; the rest is in the summary of the run.\n'; fi
} > "$body"
comments="repos/$GITHUB_REPOSITORY/issues/$PULL_REQUEST/comments"
known="$(gh api --paginate "$comments" --jq ".[] | select(.user.type == \"Bot\" and (.body | startswith(\"$marker\"))) | .id" | head -n 1)"
if [ -n "$known" ]; then
  gh api --method PATCH "repos/$GITHUB_REPOSITORY/issues/comments/$known" --field "body=@$body" --silent
else
  gh api --method POST "$comments" --field "body=@$body" --silent
fi
