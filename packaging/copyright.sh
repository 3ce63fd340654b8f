#!/usr/bin/env bash
# The package's copyright file: what is linked into the program, and on which terms. The sources lie where
# SwiftPM has put them.
source "$(dirname "$0")/../scripts/common.sh"

sources=.build/checkouts
[ -d "$sources" ] || fail "$sources is not there; run: swift package resolve"
cat <<'TEXT'
Meterkeep
Copyright: the Meterkeep maintainers. All rights reserved.

The program holds parts of the works below, unchanged. Swift itself, its
standard library, Dispatch and Foundation (https://swift.org), are
Copyright Apple Inc. and the Swift project authors, Apache License 2.0 with
Runtime Library Exception; Foundation holds ICU, Copyright Unicode, Inc.,
Unicode License v3; swift-crypto and swift-nio-ssl hold BoringSSL, Apache
License 2.0, and its predecessors OpenSSL and SSLeay; Yams holds LibYAML,
Copyright Ingy döt Net and Kirill Simonov, MIT License.
The text of the Apache License 2.0 is in /usr/share/common-licenses/Apache-2.0.
TEXT
for work in "$sources"/*/; do
    name=$(basename "$work")
    licence=$(find "$work" -maxdepth 1 -iname 'license*' | LC_ALL=C sort | head -1)
    [ -n "$licence" ] || fail "$name has no licence file"
    printf '\n%s\n%s\n' "$name" "$(printf '%s' "$name" | sed 's/./-/g')"
    if grep -q 'Apache License' "$licence"; then
        echo "Apache License 2.0"
        notice=$(find "$work" -maxdepth 1 -iname 'notice*' | LC_ALL=C sort | head -1)
        [ -z "$notice" ] || sed -n '/Licensed under/q;/^ *Copyright/p' "$notice"
    else
        cat "$licence"
    fi
done
