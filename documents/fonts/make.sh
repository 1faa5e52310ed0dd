#!/bin/sh
# Makes the fonts beside this file anew. Needs Python 3 with venv, npm and a network.
# The same versions give the same bytes.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

python3 -m venv venv
venv/bin/pip install --quiet fonttools==4.68.0
for font in noto-sans@0.4.2 noto-sans-sc@0.4.3; do
    mkdir "${font%@*}"
    tar xzf "$(npm pack --silent "@expo-google-fonts/$font")" -C "${font%@*}" --strip-components 1
done

# Latin, Greek and Cyrillic with their marks, general punctuation, signs of currencies.
western="20-7E,A0-24F,2BC,2C6-2DD,300-36F,370-3FF,400-4FF,1E00-1EFF,2000-206F,20A0-20C0,2116,2122,2212,FFFD"

# The signs, the kana and the 6,763 hanzi of GB 2312, CJK punctuation, forms of full width; dashes, quotation marks and
# dots that are as wide as a hanzi here.
venv/bin/python - > chinese <<'PYTHON'
rows = [*range(0xA1, 0xA6), *range(0xB0, 0xF8)]
cells = [bytes([row, cell]).decode("gb2312", "ignore") for row in rows for cell in range(0xA1, 0xFF)]
points = {ord(character) for character in cells if character}
points |= {*range(0x3000, 0x3040), *range(0xFF01, 0xFF61), *range(0xFFE0, 0xFFE7), 0x25A1}
points |= {0xB7, 0x2014, 0x2018, 0x2019, 0x201C, 0x201D, 0x2026}
print("\n".join(f"{point:X}" for point in sorted(points) if point > 0x7E))
PYTHON

subset() {
    venv/bin/fonttools subset "$1" --output-file="$here/$2" --unicodes="$3" --unicodes-file="$4" \
        --layout-features="$5" --no-hinting --notdef-outline --drop-tables+=BASE,STAT,vhea,vmtx,gasp
    ls -l "$here/$2"
}
: > none
for weight in 400Regular 700Bold; do
    name=${weight#*00}
    subset "noto-sans/$weight/NotoSans_$weight.ttf" "NotoSans-$name.ttf" "$western" none "ccmp,locl,mark,mkmk,kern"
    subset "noto-sans-sc/$weight/NotoSansSC_$weight.ttf" "NotoSansSC-$name.ttf" "" chinese ""
done
