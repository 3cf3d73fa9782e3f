#!/usr/bin/env bash
# Speaks the shipped prompts again (assets/prompts/*.wav) from the texts in shipped-prompts.ts.
# Needs espeak-ng and sox; only for people who change a text.
set -euo pipefail
cd "$(dirname "$0")/.."
folder=assets/prompts
mkdir -p "$folder"
node --input-type=module -e "
  import { shippedPrompts } from './dist/src/telephony/agents/builtin/shipped-prompts.js';
  for (const [name, text] of Object.entries(shippedPrompts)) console.log(name + '\t' + text);
" | while IFS=$'\t' read -r name text; do
  draft=$(mktemp --suffix=.wav)
  espeak-ng -v en-us -s 160 -w "$draft" -- "$text"
  sox "$draft" -r 8000 -c 1 -b 16 -D "$folder/$name.wav" norm -3
  rm -f "$draft"
done
