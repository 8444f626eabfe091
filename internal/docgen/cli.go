package docgen

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// CLI describes every visible command below root: what it does, its flags and
// its examples.
func CLI(root *cobra.Command) string {
	root.InitDefaultHelpCmd()
	root.InitDefaultCompletionCmd()
	var b strings.Builder
	fmt.Fprintf(&b, "# Command line\n\nThe same text as `%s COMMAND --help`.\n\n", root.Name())
	writeIndex(&b, root)
	b.WriteString("\n## Global flags\n\n")
	writeFlags(&b, root.PersistentFlags())
	for _, cmd := range visible(root) {
		writeCommand(&b, cmd)
	}
	return b.String()
}

func writeIndex(b *strings.Builder, root *cobra.Command) {
	b.WriteString("| Command | |\n| --- | --- |\n")
	for _, cmd := range visible(root) {
		fmt.Fprintf(b, "| [%s](#%s) | %s |\n", cmd.CommandPath(), strings.ReplaceAll(cmd.CommandPath(), " ", "-"), cell(cmd.Short))
	}
}

// visible lists the commands below parent, each before its own sub-commands,
// without hidden ones and cobra's own.
func visible(parent *cobra.Command) []*cobra.Command {
	var list []*cobra.Command
	for _, cmd := range parent.Commands() {
		if !cmd.IsAvailableCommand() || cmd.Name() == "help" {
			continue
		}
		list = append(list, cmd)
		if cmd.Name() != "completion" { // one shell is like the other
			list = append(list, visible(cmd)...)
		}
	}
	return list
}

func writeCommand(b *strings.Builder, cmd *cobra.Command) {
	fmt.Fprintf(b, "\n## %s\n\n", cmd.CommandPath())
	if cmd.Runnable() {
		fmt.Fprintf(b, "```text\n%s\n```\n\n", cmd.UseLine())
	}
	text := cmd.Long
	if text == "" {
		text = cmd.Short + "."
	}
	writeProse(b, text)
	if flags := cmd.LocalNonPersistentFlags(); flags.HasAvailableFlags() {
		b.WriteString("\n")
		writeFlags(b, flags)
	}
	if cmd.Example != "" {
		fmt.Fprintf(b, "\n```sh\n%s\n```\n", unindent(cmd.Example))
	}
}

// writeProse writes help text as Markdown: indented lines are code.
func writeProse(b *strings.Builder, text string) {
	inCode := false
	for _, line := range strings.Split(strings.TrimSpace(text), "\n") {
		code := strings.HasPrefix(line, "  ") || strings.HasPrefix(line, "\t")
		if code != inCode && (code || line != "") {
			b.WriteString(map[bool]string{true: "```text\n", false: "```\n"}[code])
			inCode = code
		}
		b.WriteString(line + "\n")
	}
	if inCode {
		b.WriteString("```\n")
	}
}

func writeFlags(b *strings.Builder, flags *pflag.FlagSet) {
	b.WriteString("| Flag | Default | |\n| --- | --- | --- |\n")
	flags.VisitAll(func(f *pflag.Flag) {
		if f.Hidden || f.Name == "help" {
			return
		}
		typ, usage := pflag.UnquoteUsage(f)
		name := "--" + f.Name
		if f.Shorthand != "" {
			name = "-" + f.Shorthand + ", " + name
		}
		if typ != "" {
			name += " " + typ
		}
		fmt.Fprintf(b, "| `%s` | %s | %s |\n", name, defaultOf(f), cell(usage))
	})
}

func defaultOf(f *pflag.Flag) string {
	switch f.DefValue {
	case "", "[]", "false", "0", "0s":
		return ""
	}
	return "`" + f.DefValue + "`"
}

// unindent removes the indentation that all lines share.
func unindent(s string) string {
	lines := strings.Split(strings.Trim(s, "\n"), "\n")
	shared := -1
	for _, line := range lines {
		if trimmed := strings.TrimLeft(line, " \t"); trimmed != "" {
			if n := len(line) - len(trimmed); shared < 0 || n < shared {
				shared = n
			}
		}
	}
	for i, line := range lines {
		lines[i] = strings.TrimRight(line[min(max(shared, 0), len(line)):], " \t")
	}
	return strings.Join(lines, "\n")
}

// cell makes text safe inside a Markdown table.
func cell(s string) string {
	return strings.NewReplacer("|", `\|`, "\n", " ", "<", `\<`, "*", `\*`).Replace(s)
}
