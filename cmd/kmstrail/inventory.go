package main

import (
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/spf13/cobra"

	"github.com/kmstrail/kmstrail/internal/inventory"
	"github.com/kmstrail/kmstrail/internal/output"
)

func inventoryCommand(a *app) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "inventory",
		Short: "Take in what keys, grants, tags and accounts are now",
		Long: `Logs tell what has changed since they begin; an inventory tells what is: state,
tags, policy, rotation, grants and last use of every key, tags of the resources
that keys encrypt and of the roles that use them, accounts and quotas. Import
one from files. See docs/inventory.md.`,
	}
	group(cmd)
	cmd.AddCommand(inventorySyncCommand(a), inventoryImportCommand(a), inventoryExampleCommand(a))
	return cmd
}

func inventoryImportCommand(a *app) *cobra.Command {
	var kind, takenAt string
	cmd := &cobra.Command{
		Use:   "import FILE…",
		Short: "Import an inventory from JSON or CSV files",
		Long: `Imports an inventory that was taken elsewhere: JSON documents, or CSV files with
one kind of records each. All files are one inventory. Every record is checked
before the first is stored; if anything is wrong nothing is imported, and every
mistake is told with file, line and column.

What an inventory says holds from the time it was taken on, so each record says
when that was (taken_at), or --taken-at does for all.

kmstrail inventory example prints what files look like, docs/inventory-format.md
lists the columns.`,
		Example: `  kmstrail inventory import inventory.json
  kmstrail inventory import keys.csv grants.csv --taken-at 2026-11-01T06:00:00Z`,
		Args: between(1, 10_000, "the file"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.importInventory(cmd, args, kind, takenAt)
		},
	}
	cmd.Flags().StringVar(&kind, "kind", "", "what the rows of CSV files are, if the columns do not tell: `KIND`, one of "+strings.Join(inventory.FileKinds(), ", "))
	cmd.Flags().StringVar(&takenAt, "taken-at", "", "`TIME` at which the inventory was taken, for records that do not say it (RFC 3339, or a date)")
	completeValues(cmd, "kind", inventory.FileKinds)
	return cmd
}

func (a *app) importInventory(cmd *cobra.Command, files []string, kind, takenAt string) (err error) {
	opts := inventory.Options{Kind: kind, Now: a.now()}
	if kind != "" {
		if err := oneOf("--kind", kind, inventory.FileKinds()); err != nil {
			return err
		}
	}
	if takenAt != "" {
		if opts.TakenAt, err = parseTime("--taken-at", takenAt, a.now()); err != nil {
			return err
		}
	}
	records, err := inventory.Read(files, opts)
	if wrong, ok := errors.AsType[*inventory.Error](err); ok {
		for _, p := range wrong.Problems {
			a.complain("%s", p)
		}
		if wrong.More > 0 {
			a.complain("… and %s more", output.Plural(int64(wrong.More), "mistake"))
		}
		a.complain("nothing was imported")
		return codeError{exitUsage}
	}
	if err != nil {
		return err
	}
	cfg, err := a.load(cmd)
	if err != nil {
		return err
	}
	work, err := a.openToChange(cmd.Context(), cfg, openOptions{create: true})
	if err != nil {
		return err
	}
	defer closeStore(work, &err)
	id, err := uuid.NewRandom()
	if err != nil {
		return fmt.Errorf("number the inventory: %w", err)
	}
	names := make([]string, len(files))
	for i, f := range files {
		names[i] = filepath.Base(f)
	}
	done, err := work.StoreInventory(cmd.Context(), inventory.NewImport(records, names, id, a.now().UTC().Truncate(time.Microsecond)))
	if err != nil {
		return err
	}
	a.say("imported %s", storedText(done.Stored))
	return nil
}

// storedText says how many records of each kind there are.
func storedText(stored map[string]int64) string {
	var parts []string
	for _, kind := range inventory.FileKinds() {
		if n := stored[kind]; n > 0 {
			parts = append(parts, output.Plural(n, strings.TrimSuffix(kind, "s")))
		}
	}
	if len(parts) < 2 {
		return strings.Join(parts, "")
	}
	return strings.Join(parts[:len(parts)-1], ", ") + " and " + parts[len(parts)-1]
}

func inventoryExampleCommand(a *app) *cobra.Command {
	var kind, format string
	cmd := &cobra.Command{
		Use:     "example",
		Short:   "Print files that can be imported",
		Long:    "Prints a JSON document with a record of each kind, or a CSV file of one kind.",
		Example: "  kmstrail inventory example > inventory.json\n  kmstrail inventory example --format csv --kind grants > grants.csv",
		Args:    noArguments(),
		RunE: func(*cobra.Command, []string) error {
			if err := errors.Join(oneOf("--format", format, []string{"json", "csv"}), oneOf("--kind", kind, inventory.FileKinds())); err != nil {
				return err
			}
			text := inventory.ExampleJSON()
			if format == "csv" {
				text = inventory.ExampleCSV(kind)
			}
			_, err := io.WriteString(a.stdout, text)
			return err
		},
	}
	cmd.Flags().StringVar(&format, "format", "json", "`FORMAT`: json or csv")
	cmd.Flags().StringVar(&kind, "kind", "keys", "`KIND` of records in CSV: "+strings.Join(inventory.FileKinds(), ", "))
	completeValues(cmd, "format", func() []string { return []string{"json", "csv"} })
	completeValues(cmd, "kind", func() []string { return slices.Clone(inventory.FileKinds()) })
	return cmd
}
