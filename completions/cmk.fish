# fish completion for cmk; made by 'cmk completion fish'
function __cmk_complete
	set -l words (commandline -opc)
	set -l current (string replace -r '^[\'"]' '' -- (commandline -ct))
	for line in ($words[1] __complete -- $words[2..-1] "$current" 2>/dev/null)
		switch $line
			case ':files'
				__fish_complete_path "$current"
			case ':dirs'
				__fish_complete_directories "$current"
			case ':*'
			case '*'
				echo $line
		end
	end
end
complete -c cmk -f -a '(__cmk_complete)'
