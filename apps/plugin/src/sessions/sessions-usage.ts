export const SESSIONS_USAGE = `usage: plexum-openai-provider sessions [list] [--filter TEXT] [--limit 1..50]
         [--archived] [--subagents] [--json]
       plexum-openai-provider sessions show ID [--sort turn|tokens|tool]
         [--all] [--json]
       plexum-openai-provider sessions consume ID [CALL…] [--older-than TURNS]
         [--larger-than TOKENS] [--tool NAME] [--heavy] [--dry-run] [--yes]
         [--json]
       plexum-openai-provider sessions restore ID [--dry-run] [--yes] [--json]

ID is the id of a session, or the beginning of one; CALL is the id of a call,
or the beginning of one.

list     the newest sessions
show     what a session's context consists of, call by call. --all also lists
         the calls that were compacted or rolled back.
consume  replaces the results of the named calls, or of all that the options
         select, with "...(consumed)": the model no longer sees them. --heavy
         removes the arguments too.
restore  puts back everything that consume removed in the last 30 days
`;
