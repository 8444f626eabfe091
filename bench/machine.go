package main

import (
	"fmt"
	"os"
	"runtime"
	"time"
)

// machine is what is measured on, and when.
type machine struct {
	Date     string `json:"date"`
	CPUs     int    `json:"cpus"`
	MemoryGB int    `json:"memory_gb"`
	Go       string `json:"go"`
	// Load is how many processes wanted to run in the minute before.
	Load float64 `json:"load_before"`
}

func thisMachine(cpus int) (machine, error) {
	m := machine{Date: time.Now().UTC().Format(time.DateOnly), CPUs: cpus, Go: runtime.Version()}
	text, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return m, fmt.Errorf("this measurement needs Linux: %w", err)
	}
	if _, err := fmt.Sscan(string(text), &m.Load); err != nil {
		return m, err
	}
	memory, err := os.ReadFile("/proc/meminfo")
	if err != nil {
		return m, err
	}
	var kb int
	if _, err := fmt.Sscanf(string(memory), "MemTotal: %d kB", &kb); err != nil {
		return m, err
	}
	m.MemoryGB = (kb + 1<<19) >> 20
	return m, nil
}

func (m *machine) String() string {
	return fmt.Sprintf("%s, %d cores, %d GB, load %.1f before; %s", m.Date, m.CPUs, m.MemoryGB, m.Load, m.Go)
}
