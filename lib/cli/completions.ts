/**
 * `epass completions`: scripts that make a shell complete commands, flags and their values. The scripts ask epass
 * itself, by the word {@link COMPLETE} and the words of the command line.
 *
 * @module
 */

import { buildCommand, type Command } from "@stricli/core";
import { type CliContext, utf8 } from "./context.ts";

/** The first argument that asks for completions of the words behind it. */
export const COMPLETE = "__complete";

/** The shells by name, with the script of each. */
const SCRIPTS = {
  bash: `_epass() {
  local IFS=$'\\n'
  COMPREPLY=($(epass ${COMPLETE} "\${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null))
}
complete -o default -F _epass epass
`,
  zsh: `#compdef epass
_epass() {
  local -a proposals
  proposals=("\${(@f)$(epass ${COMPLETE} "\${(@)words[2,CURRENT]}" 2>/dev/null)}")
  compadd -a proposals
  _files
}
compdef _epass epass
`,
  fish:
    `complete -c epass -a '(epass ${COMPLETE} (commandline -opc)[2..] (commandline -ct) 2>/dev/null)'
`,
} as const;

type Shell = keyof typeof SCRIPTS;

/** The subcommand. */
export const completionsCommand: Command<CliContext> = buildCommand({
  async func(this: CliContext, _flags: Record<never, never>, shell: Shell): Promise<void> {
    await this.host.write("-", utf8(SCRIPTS[shell]));
  },
  parameters: {
    positional: {
      kind: "tuple",
      parameters: [{
        parse: parseShell,
        placeholder: "SHELL",
        brief: "bash, zsh or fish",
        proposeCompletions: () => Object.keys(SCRIPTS),
      }],
    },
  },
  docs: {
    brief: "Print a completion script",
    fullDescription:
      'For bash: eval "$(epass completions bash)". For fish: epass completions fish | source.',
  },
});

function parseShell(text: string): Shell {
  if (!Object.hasOwn(SCRIPTS, text)) throw new Error("expected bash, zsh or fish");
  return text as Shell;
}
