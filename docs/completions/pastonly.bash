# bash completion for pastonly
_pastonly_formats() {
  case $1 in
    bound | rules | explain) echo text json ;;
    *) pastonly audit --help 2>/dev/null | tr -s '\n ' ' ' | sed -n 's/.*FORMAT=PATH, format \([^;]*\);.*/\1/p' | sed 's/, / /g; s/ or / /g' ;;
  esac
}
_pastonly() {
  local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD - 1]} command="" word
  for word in "${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
    case $word in
      audit | lab | bound | rules | explain | report | verify | compare | plan | lint) command=$word; break ;;
    esac
  done
  case $previous in
    --color) COMPREPLY=($(compgen -W "auto always never" -- "$current")); return ;;
    --layout) COMPREPLY=($(compgen -W "batch-major sequence-major" -- "$current")); return ;;
    --mode) COMPREPLY=($(compgen -W "train eval" -- "$current")); return ;;
    --compute) COMPREPLY=($(compgen -W "bfloat16 float16 float32 float64" -- "$current")); return ;;
    --stage) COMPREPLY=($(compgen -W "selected dispatched" -- "$current")); return ;;
    --policy) COMPREPLY=($(compgen -W "ci release" -- "$current") $(compgen -f -- "$current")); return ;;
    -o | --output) COMPREPLY=($(compgen -W "$(_pastonly_formats "$command")" -- "$current")); return ;;
    --unit) COMPREPLY=($(compgen -W "nats bits" -- "$current")); return ;;
    --seed | --threads | --check | --source | --rule | --tokens | --text | --positions | --limit | --budget | --log | --batch | --shape | --top-k | --map | --tags | --special | --exec | --url | --as | --attach | --timeout) return ;;
    --framework) COMPREPLY=($(compgen -W "megatron nemo megatron-deepspeed deepspeed megablocks fairseq huggingface openmoe olmo-core torchtitan maxtext flaxformer llama-factory axolotl" -- "$current")); return ;;
    --out) COMPREPLY=($(compgen -d -- "$current")); return ;;
    --experts | --layers | --vocab | --chunk) return ;;
  esac
  local session="--seed --threads --quiet --color --help" options=""
  case $command in
    audit)
      options="--policy --baseline --write-baseline --redact --check --source --tags --exec --url --vocab --attach --timeout --rule --as --twin --tokens --text --positions --limit --budget --precision --record --log --unit --output --batch --layout --shape --mode --stage --compute --top-k --experts --map $session" ;;
    lab) options="--out --policy --check --no-checks --export --output $session" ;;
    bound) options="--experts --top-k --layers --vocab --chunk --output $session" ;;
    compare)
      options="--policy --baseline --write-baseline --redact --output --rule --as --tokens --text --positions --precision --batch --layout --shape --mode --stage --compute --top-k --experts --map $session" ;;
    lint) options="--framework --output $session" ;;
    rules | explain) options="--output $session" ;;
    verify) options=$session ;;
    report) options="--policy --diff --merge --into --redact --output $session" ;;
    plan) options="--vocab --batch --positions --layout --special --tokens --source --limit --noisy $session" ;;
    *) options="audit lab bound rules explain report verify compare plan lint --help --version" ;;
  esac
  if [[ $current == -* || -z $command ]]; then
    COMPREPLY=($(compgen -W "$options" -- "$current"))
  elif [[ $command == explain ]]; then
    COMPREPLY=($(compgen -W "$(pastonly rules 2>/dev/null | awk 'NR > 1 && NF == 0 {exit} NR > 1 {print $1}')" -- "$current"))
  else
    COMPREPLY=($(compgen -f -- "$current"))
  fi
}
complete -o filenames -F _pastonly pastonly
