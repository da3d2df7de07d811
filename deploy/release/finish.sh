#!/usr/bin/env bash
# Writes what a release needs beside its programs: the digests, and a Homebrew formula made of them.
#
#   finish.sh TAG RELEASES FOLDER        such as: finish.sh v0.1.0 https://github.com/OWNER/outcrop/releases/download dist
set -euo pipefail
tag="$1" releases="$2" folder="$3"
cd "$folder"
rm -f SHA256SUMS outcrop.rb
digest() {
  [ -f "outcrop-$1.tar.gz" ] || { echo "outcrop: outcrop-$1.tar.gz is missing; every target of the formula has to be built" >&2; exit 1; }
  sha256sum "outcrop-$1.tar.gz" | cut -d ' ' -f 1
}
{
  cat <<'END'
class Outcrop < Formula
  desc "Finds where a company's Amazon Bedrock stack is exposed, and proves what it says"
END
  printf '  homepage "%s"\n  version "%s"\n  license "Apache-2.0"\n' "${releases%/releases/download}" "${tag#v}"
  for system in macos linux; do
    printf '  on_%s do\n' "$system"
    for arch in arm intel; do
      case "$system $arch" in
        "macos arm") target=aarch64-apple-darwin ;;
        "macos intel") target=x86_64-apple-darwin ;;
        "linux arm") target=aarch64-unknown-linux-musl ;;
        "linux intel") target=x86_64-unknown-linux-musl ;;
      esac
      sum="$(digest "$target")"
      printf '    on_%s do\n      url "%s/%s/outcrop-%s.tar.gz"\n      sha256 "%s"\n    end\n' "$arch" "$releases" "$tag" "$target" "$sum"
    done
    printf '  end\n'
  done
  cat <<'END'
  def install
    bin.install "outcrop"
    bash_completion.install "completions/outcrop.bash" => "outcrop"
    zsh_completion.install "completions/outcrop.zsh" => "_outcrop"
    fish_completion.install "completions/outcrop.fish"
    man1.install Dir["man/*.1"]
  end
  test do
    assert_match version.to_s, shell_output("#{bin}/outcrop --version")
  end
end
END
} > outcrop.rb
sha256sum -- * > SHA256SUMS.new
grep -v ' SHA256SUMS.new$' SHA256SUMS.new > SHA256SUMS
rm SHA256SUMS.new
