package docgen

import (
	"fmt"
	"reflect"
	"strings"
	"time"

	"github.com/kmstrail/kmstrail/internal/config"
)

const configurationIntro = `# Configuration

kmstrail works without any. What it is told comes from three places, each overriding the one before:

1. a file: that of ` + "`--config`" + `, else of ` + "`KMSTRAIL_CONFIG`" + `, else the first that exists of ` + "`./kmstrail.yaml`" + ` and ` + "`$XDG_CONFIG_HOME/kmstrail/kmstrail.yaml`" + ` (` + "`~/.config`" + ` when that is not set);
2. variables ` + "`KMSTRAIL_…`" + `, lists comma-separated;
3. flags.

An unknown key or variable is an error that names the nearest known one. ` + "`kmstrail config show`" + ` prints the values in force and where each comes from, without secrets.

## Every key

` + "`kmstrail config example`" + ` prints this file.

`

// Configuration shows the example file, which explains every key, and lists
// the variables.
func Configuration() string {
	var b strings.Builder
	b.WriteString(configurationIntro)
	fmt.Fprintf(&b, "```yaml\n%s```\n", config.Example())
	b.WriteString("\n## Variables and defaults\n\nLists of rules and maps have no variable.\n\n")
	b.WriteString("| Key | Variable | Default |\n| --- | --- | --- |\n")
	writeVariables(&b, reflect.ValueOf(config.Defaults()), "")
	return b.String()
}

// writeVariables writes a line for every value that one variable can hold.
func writeVariables(b *strings.Builder, v reflect.Value, path string) {
	for i := range v.NumField() {
		name := v.Type().Field(i).Tag.Get("yaml")
		if name == "" {
			continue
		}
		key, value := strings.TrimPrefix(path+"."+name, "."), v.Field(i)
		switch value.Kind() {
		case reflect.Struct:
			writeVariables(b, value, key)
			continue
		case reflect.Map:
			continue
		case reflect.Slice:
			if value.Type().Elem().Kind() == reflect.Struct {
				continue
			}
		}
		standard := ""
		if d, ok := value.Interface().(time.Duration); ok && d != 0 {
			standard = "`" + config.FormatDuration(d) + "`"
		} else if !value.IsZero() {
			standard = fmt.Sprintf("`%v`", value)
		}
		variable := "KMSTRAIL_" + strings.ToUpper(strings.ReplaceAll(key, ".", "_"))
		fmt.Fprintf(b, "| `%s` | `%s` | %s |\n", key, variable, standard)
	}
}
