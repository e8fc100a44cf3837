package main

import (
	"bufio"
	"encoding/json"
	"io"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
	"unsafe"
)

// Event is one line of the history. Which fields it has depends on its type.
type Event struct {
	// begun, ended, put, get, all, watch, watch-end, grant, kept, lost
	Type string `json:"t"`
	// Who: a writer, a watcher or a lease.
	Who int `json:"who"`
	// Where: the number of an endpoint, or -1 for all.
	Endpoint int   `json:"e"`
	Start    int64 `json:"s,omitempty"`
	End      int64 `json:"n"`
	// Of the header.
	Revision int64  `json:"r,omitempty"`
	Key      string `json:"k,omitempty"`
	Value    string `json:"v,omitempty"`
	// The revision of the key that was read; 0: there is none.
	Modified     int64    `json:"m,omitempty"`
	Serializable bool     `json:"z,omitempty"`
	Lease        int64    `json:"l,omitempty"`
	TTL          int64    `json:"ttl,omitempty"`
	Error        string   `json:"err,omitempty"`
	Changes      []Change `json:"ch,omitempty"`
}

// Change is an event of a watch, or a key of a range.
type Change struct {
	Revision int64  `json:"r"`
	Key      string `json:"k"`
	Value    string `json:"v,omitempty"`
	Deleted  bool   `json:"d,omitempty"`
}

// History writes events, from any goroutine.
type History struct {
	mu     sync.Mutex
	buffer *bufio.Writer
	done   chan struct{}
}

// NewHistory writes to out, at the latest 20 ms after an event came.
func NewHistory(out io.Writer) *History {
	h := &History{buffer: bufio.NewWriterSize(out, 1<<16), done: make(chan struct{})}
	go func() {
		ticker := time.NewTicker(20 * time.Millisecond)
		defer ticker.Stop()
		for {
			select {
			case <-ticker.C:
				h.mu.Lock()
				_ = h.buffer.Flush()
				h.mu.Unlock()
			case <-h.done:
				return
			}
		}
	}()
	return h
}

func (h *History) Write(event Event) {
	line, err := json.Marshal(event)
	if err != nil {
		panic(err)
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	_, _ = h.buffer.Write(append(line, '\n'))
}

func (h *History) Close() {
	close(h.done)
	h.mu.Lock()
	defer h.mu.Unlock()
	_ = h.buffer.Flush()
}

// Numbers gives each number once.
type Numbers struct{ last atomic.Int64 }

func (n *Numbers) Next() int64 { return n.last.Add(1) }

// now is CLOCK_MONOTONIC, as the test that reads the history has it.
func now() int64 {
	const clockMonotonic = 1
	var ts syscall.Timespec
	if _, _, errno := syscall.Syscall(syscall.SYS_CLOCK_GETTIME, clockMonotonic, uintptr(unsafe.Pointer(&ts)), 0); errno != 0 {
		panic(errno)
	}
	return ts.Nano()
}
