// Command alertmanager_config reads configurations of Alertmanager as Alertmanager does. It prints what is wrong with one, and ends
// with 1 then.
package main

import (
	"fmt"
	"os"

	"github.com/prometheus/alertmanager/config"
)

func main() {
	if len(os.Args) < 2 {
		fmt.Fprintln(os.Stderr, "usage: alertmanager_config FILE...")
		os.Exit(2)
	}
	failed := false
	for _, path := range os.Args[1:] {
		if _, err := config.LoadFile(path); err != nil {
			fmt.Fprintf(os.Stderr, "%s: %v\n", path, err)
			failed = true
		}
	}
	if failed {
		os.Exit(1)
	}
}
