// Command compose_load reads a file of Docker Compose as Docker Compose does, and prints the project that it means, in JSON. It reads
// no .env: variables are those of its environment.
package main

import (
	"context"
	"fmt"
	"os"

	"github.com/compose-spec/compose-go/v2/cli"
)

func load(paths []string) ([]byte, error) {
	options, err := cli.NewProjectOptions(paths, cli.WithOsEnv)
	if err != nil {
		return nil, err
	}
	project, err := options.LoadProject(context.Background())
	if err != nil {
		return nil, err
	}
	return project.MarshalJSON()
}

func main() {
	loaded, err := load(os.Args[1:])
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Println(string(loaded))
}
