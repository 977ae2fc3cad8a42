// SPDX-License-Identifier: Apache-2.0

package manual

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/spf13/cobra"
)

// TestPages: text stays as it was written, whatever it means to roff; what is hidden has no page.
func TestPages(t *testing.T) {
	root := &cobra.Command{Use: "pump", Short: "Pump water", Long: "Pumps.\n.SH is no section, \\n no register.\n\n" +
		"    pump 'a-b' --far", Run: func(*cobra.Command, []string) {}}
	root.Flags().IntP("rate", "r", 5, "`litres` a minute")
	root.Flags().Bool("secret", false, "")
	_ = root.Flags().MarkHidden("secret")
	root.AddCommand(Command("v1"), &cobra.Command{Use: "stop NOW", Short: "Stop it", Example: "  pump stop now",
		Run: func(*cobra.Command, []string) {}})
	folder := t.TempDir()
	root.SetArgs([]string{"manual", folder, "--date", "2026-11-30"})
	if err := root.Execute(); err != nil {
		t.Fatal(err)
	}
	read := func(name string) string {
		text, err := os.ReadFile(filepath.Join(folder, name))
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	main := read("pump.1")
	for _, want := range []string{
		".TH \"PUMP\" 1 2026-11-30 \"pump v1\"\n", "\n.SH \"NAME\"\npump \\- Pump water\n",
		"\nPumps.\n\\&.SH is no section, \\en no register.\n.PP\n.RS 4\n.nf\n  pump \\(aqa\\-b\\(aq \\-\\-far\n.fi\n",
		"\n.TP\n\\fB\\-r\\fR, \\fB\\-\\-rate\\fR=\\fIlitres\\fR\nlitres a minute (default 5)\n",
		"\n.TP\n\\fBpump stop\\fR\nStop it\n", "\\fBpump\\-stop\\fR(1)",
	} {
		if !strings.Contains(main, want) {
			t.Errorf("%q is missing in\n%s", want, main)
		}
	}
	if strings.Contains(main, "secret") || strings.Contains(main, "manual") {
		t.Errorf("what is hidden is in\n%s", main)
	}
	stop := read("pump-stop.1")
	if !strings.Contains(stop, "\n\\fBpump stop\\fR NOW\n") || !strings.Contains(stop, "\npump stop now\n") ||
		!strings.Contains(stop, "\\fBpump\\fR(1)") {
		t.Error(stop)
	}
	if _, err := os.Stat(filepath.Join(folder, "pump-manual.1")); err == nil {
		t.Error("a hidden command has a page")
	}
}
