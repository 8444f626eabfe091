package main

import (
	"errors"

	"github.com/spf13/cobra"
)

func queryCommand(*app) *cobra.Command {
	return &cobra.Command{
		Use: "query NAME", Hidden: true, Example: "  kmstrail query NAME",
		RunE: func(*cobra.Command, []string) error { return errors.New("there are no named queries yet") },
	}
}

func queryIDs() []string { return nil }
