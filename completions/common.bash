# The names of checkpoints hold a ':', where readline breaks words; so it does
# at the '=' of --option=value.  Words are therefore taken from the line itself,
# and what readline will not replace is cut off the front of each reply.

# Set words to the unquoted words up to the cursor, cur to the last of them, and
# kept to the front of cur that is in front of $1, readline's own idea of it.
_mpt_bundle_words()
{
	local line=${COMP_LINE:0:COMP_POINT} text

	_mpt_bundle_split "$1"
	text=${words[*]}
	_mpt_bundle_split "$line"
	cur=${words[${#words[@]} - 1]}
	kept=${cur%"$text"}
}

# Set words to those of a line, without their quotes.
_mpt_bundle_split()
{
	local line=$1 c quote='' open=''

	words=()
	while [[ $line ]]; do
		c=${line:0:1} line=${line:1}
		if [[ $c == [[:blank:]] && ! $quote ]]; then
			open=
			continue
		fi
		[[ $open ]] || words+=('')
		open=yes
		if [[ $c == \\ && $quote != "'" ]]; then
			c=${line:0:1} line=${line:1}
		elif [[ $c == "$quote" ]]; then
			quote='' c=''
		elif [[ $c == [\"\'] && ! $quote ]]; then
			quote=$c c=''
		fi
		words[${#words[@]} - 1]+=$c
	done
	[[ $open ]] || words+=('')
}

# Set takes and offers to what the table says of an option, or of "operand".
_mpt_bundle_find()
{
	local row names

	takes='' offers=''
	while read -r row; do
		names=${row%%:*}
		[[ " ${names#* } " == *" $1 "* ]] || continue
		takes=${names%% *} offers=${row#*:}
		return
	done <<<"$table"
}

# Reply with those of the words that go on like cur; $1 is in front of them.
_mpt_bundle_offer()
{
	local word

	for word in "${@:2}"; do
		[[ $1$word == "$cur"* ]] && COMPREPLY+=("$1$word")
	done
}

# Reply with the names of files or folders (-f, -d) behind the front $2 of cur.
_mpt_bundle_paths()
{
	local path

	while IFS= read -r path; do
		# Readline, which knows only the end of the name, cannot see
		# that it is a folder.  A bundle is complete without a slash.
		[[ $kept && -d $path && ! -e $path/policy_spec.json ]] &&
			path+=/
		COMPREPLY+=("$2$path")
	done < <(compgen "$1" -- "${cur#"$2"}")
	[[ ${#COMPREPLY[@]} != 1 || ! $kept || ${COMPREPLY[0]} != */ ]] ||
		compopt -o nospace 2>/dev/null
	compopt -o filenames 2>/dev/null
}

# Reply with what can be the value that cur has behind its front $1.
_mpt_bundle_value()
{
	local rest=${cur#"$1"}

	case $takes in
	words)	# shellcheck disable=SC2086 # they are words
		_mpt_bundle_offer "$1" $offers ;;
	file)	_mpt_bundle_paths -f "$1" ;;
	folder)	_mpt_bundle_paths -d "$1" ;;
	@file)	[[ $cur != "$1@"* ]] || _mpt_bundle_paths -f "$1@" ;;
	word=file)
		if [[ $rest == *=* ]]; then
			_mpt_bundle_paths -f "$1${rest%%=*}="
		else
			# shellcheck disable=SC2046,SC2086 # they are words
			_mpt_bundle_offer "$1" $(printf '%s= ' $offers)
			compopt -o nospace 2>/dev/null
		fi ;;
	esac
}

# Reply to words, cur and kept with what the table offers.  A row of it is what
# is taken, the names of the option, and behind a colon the words offered.
_mpt_bundle()
{
	local table=$1 from=$2 word takes offers pending='' ended='' i

	COMPREPLY=()
	for word in "${words[@]:from:${#words[@]} - from - 1}"; do
		if [[ $pending ]]; then
			pending=
		elif [[ $word == -- ]]; then
			ended=yes
		elif [[ $word == -* && $word != *=* && ! $ended ]]; then
			_mpt_bundle_find "$word"
			[[ $takes == flag || ! $takes ]] || pending=$word
		fi
	done
	if [[ $pending ]]; then
		_mpt_bundle_find "$pending"
		_mpt_bundle_value ''
	elif [[ $cur == --*=* && ! $ended ]]; then
		_mpt_bundle_find "${cur%%=*}"
		_mpt_bundle_value "${cur%%=*}="
	elif [[ $cur == -* && ! $ended ]]; then
		while read -r word; do
			word=${word%%:*}
			# shellcheck disable=SC2086 # names are words
			[[ $word == *' -'* ]] && _mpt_bundle_offer '' ${word#* }
		done <<<"$table"
	else
		_mpt_bundle_find operand
		_mpt_bundle_value ''
	fi
	for ((i = 0; i < ${#COMPREPLY[@]}; i++)); do
		COMPREPLY[i]=${COMPREPLY[i]#"$kept"}
	done
}
