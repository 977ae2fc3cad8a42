// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"fmt"
	"net/netip"
	"os"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/weirnet/weir/internal/catalog"
	"github.com/weirnet/weir/internal/usage"
)

func newCatalog() *cobra.Command {
	c := &cobra.Command{
		Use:   "catalog",
		Short: "Search and check the catalog of applications",
		Args:  usage.NoArguments,
		RunE:  func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	var files []string
	c.PersistentFlags().StringArrayVar(&files, "catalog", nil, "a file that extends and overrides the built-in catalog")
	load := func() (*catalog.Catalog, error) { return catalog.Load(files...) }
	c.AddCommand(
		&cobra.Command{
			Use: "list", Short: "List all applications", Args: usage.NoArguments,
			RunE: func(c *cobra.Command, _ []string) error { return listApplications(c, load, "") },
		},
		&cobra.Command{
			Use: "search TEXT", Short: "List the applications whose id, name, category or domains contain a text",
			Args:    usage.Needs("a text", false),
			Example: "  weir catalog search netflix\n  weir catalog search nflxvideo.net",
			RunE:    func(c *cobra.Command, args []string) error { return listApplications(c, load, args[0]) },
		},
		&cobra.Command{
			Use: "show ID|HOST|ADDRESS", Short: "Show an application, or the one that a host name or an address " +
				"belongs to", Args: usage.Needs("an id, a host or an address", false),
			Example: "  weir catalog show netflix\n  weir catalog show www.example.com\n  weir catalog show " +
				"149.154.167.50",
			RunE: func(c *cobra.Command, args []string) error { return showApplication(c, load, args[0]) },
		},
		&cobra.Command{
			Use: "check FILE…", Short: "Check files of applications for mistakes",
			Args: usage.Needs("a file of applications", true),
			RunE: checkCatalogs,
		},
		newRisks(),
	)
	return c
}

func listApplications(c *cobra.Command, load func() (*catalog.Catalog, error), text string) error {
	apps, err := load()
	if err != nil {
		return err
	}
	w := tabwriter.NewWriter(c.OutOrStdout(), 0, 8, 2, ' ', 0)
	fmt.Fprintln(w, "ID\tNAME\tCATEGORY\tDOMAINS\tNETWORKS")
	found := false
	for _, a := range apps.Applications() {
		if !holds(&a, strings.ToLower(text)) {
			continue
		}
		found = true
		fmt.Fprintf(w, "%s\t%s\t%s\t%d\t%d\n", a.ID, a.Name, a.Category, len(a.Domains)+len(a.Exact), len(a.Networks))
	}
	if !found {
		return fmt.Errorf("no application contains %q; `weir catalog show HOST` shows a host name's application", text)
	}
	return w.Flush()
}

func holds(a *catalog.Application, text string) bool {
	if strings.Contains(a.ID, text) || strings.Contains(strings.ToLower(a.Name), text) ||
		strings.Contains(a.Category, text) {
		return true
	}
	for _, list := range [][]string{a.Domains, a.Exact, a.Certificates} {
		for _, d := range list {
			if strings.Contains(strings.ToLower(d), text) {
				return true
			}
		}
	}
	return false
}

func showApplication(c *cobra.Command, load func() (*catalog.Catalog, error), what string) error {
	apps, err := load()
	if err != nil {
		return err
	}
	a, matched, err := findApplication(apps, what)
	if err != nil {
		return err
	}
	w := c.OutOrStdout()
	if matched != "" {
		fmt.Fprintf(w, "matched: %s\n", matched)
	}
	fmt.Fprintf(w, "id: %s\nname: %s\ncategory: %s\n", a.ID, a.Name, a.Category)
	for _, list := range []struct {
		name  string
		items []string
	}{{"domains", a.Domains}, {"exact", a.Exact}, {"certificates", a.Certificates}} {
		if len(list.items) > 0 {
			fmt.Fprintf(w, "%s: [%s]\n", list.name, strings.Join(list.items, ", "))
		}
	}
	for i, n := range a.Networks {
		if i == 0 {
			fmt.Fprintln(w, "networks:")
		}
		fmt.Fprintf(w, "  - %s\n", n)
	}
	return nil
}

// findApplication finds an application by its id, or by a host name or an address; then matched is the entry of the
// catalog that does.
func findApplication(apps *catalog.Catalog, what string) (a *catalog.Application, matched string, err error) {
	if a, ok := apps.Lookup(what); ok {
		return a, "", nil
	}
	if addr, err := netip.ParseAddr(what); err == nil {
		if a, ok := apps.ByAddress(addr); ok {
			block, _ := apps.AddressEntry(addr)
			return a, block.String(), nil
		}
		if cloud, ok := apps.Network(addr); ok {
			return nil, "", fmt.Errorf("%s is in a block of %s, a cloud or CDN: that identifies no application", addr,
				cloud)
		}
	} else {
		host := []byte(strings.ToLower(strings.TrimSuffix(what, ".")))
		if a, ok := apps.ByHost(host); ok {
			entry, _ := apps.HostEntry(host)
			return a, entry, nil
		}
	}
	return nil, "", fmt.Errorf("%q is not an application's id, host name or address", what)
}

func checkCatalogs(c *cobra.Command, names []string) error {
	problems := 0
	for _, name := range names {
		f, err := os.Open(name)
		if err != nil {
			return err
		}
		for _, p := range catalog.Check(f, name) {
			problems++
			fmt.Fprintln(c.OutOrStdout(), p.Error())
		}
		f.Close()
	}
	if problems > 0 {
		return partialError{fmt.Errorf("%d problems", problems)}
	}
	if _, err := fmt.Fprintln(c.OutOrStdout(), "no problems"); err != nil {
		return errors.Join(err)
	}
	return nil
}
