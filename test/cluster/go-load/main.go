// A load on an etcd cluster by etcd's own Go client, and the history of what it saw, for checkers to judge.
//
// Writers put values that are unique, through clients that know all endpoints and through clients that know one.
// Readers read at one endpoint each, whatever became of their reads before. Watchers watch at one endpoint each, and at
// all, and go on where they stopped. Leases are kept alive, or left to end. On SIGTERM the writers stop, a last put marks
// the end, and every watcher goes on until it has seen it.
//
// The history is written to standard output, a JSON object a line, in the order of the ends of what it tells. Times are
// nanoseconds of CLOCK_MONOTONIC, which all processes of a machine share.
package main

import (
	"context"
	"flag"
	"os"
	"os/signal"
	"strings"
	"sync"
	"syscall"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
	"go.uber.org/zap"
)

// Settings are the flags.
type Settings struct {
	endpoints []string
	prefix    string
	writers   int
	keys      int
	pause     time.Duration
	readEvery time.Duration
	leases    int
	ttl       int64
	leftTTL   int64
	drain     time.Duration
	valueSize int
}

func main() {
	settings := flags()
	out := NewHistory(os.Stdout)
	defer out.Close()
	load := &Load{Settings: settings, out: out}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	load.Run(ctx)
}

func flags() Settings {
	var settings Settings
	endpoints := flag.String("endpoints", "", "host:port, separated by commas")
	flag.StringVar(&settings.prefix, "prefix", "load/", "of all keys")
	flag.IntVar(&settings.writers, "writers", 4, "that know all endpoints; each endpoint has one more of its own")
	flag.IntVar(&settings.keys, "keys", 40, "keys of the writers")
	flag.DurationVar(&settings.pause, "pause", 5*time.Millisecond, "of a writer after each put")
	flag.DurationVar(&settings.readEvery, "read-every", 20*time.Millisecond, "of each endpoint")
	flag.IntVar(&settings.leases, "leases", 4, "that are kept alive")
	flag.Int64Var(&settings.ttl, "ttl", 10, "of leases that are kept alive, in seconds: longer than a server may stand still")
	flag.Int64Var(&settings.leftTTL, "left-ttl", 3, "of leases that nobody keeps alive")
	flag.DurationVar(&settings.drain, "drain", 15*time.Second, "how long watchers may take to see the end")
	flag.IntVar(&settings.valueSize, "value-size", 64, "bytes of a value, at least")
	flag.Parse()
	settings.endpoints = strings.Split(*endpoints, ",")
	return settings
}

// Load is what goes on.
type Load struct {
	Settings
	out    *History
	all    []*clientv3.Client // one for each writer that knows all endpoints
	single []*clientv3.Client // one for each endpoint
	seen   sync.WaitGroup     // watchers that have not seen the end
	next   Numbers
}

// Run goes on until ctx is done, and then to the end.
func (l *Load) Run(ctx context.Context) {
	for i := 0; i < l.writers; i++ {
		l.all = append(l.all, l.client(l.endpoints))
	}
	for _, endpoint := range l.endpoints {
		l.single = append(l.single, l.client([]string{endpoint}))
	}
	from := l.begin(ctx)
	// Those who watch outlive those who write.
	watching, endWatching := context.WithCancel(context.Background())
	defer endWatching()
	l.watchers(watching, from)
	var working sync.WaitGroup
	for i, client := range l.all {
		working.Go(func() { l.write(ctx, client, i, -1) })
	}
	for i, client := range l.single {
		working.Go(func() { l.write(ctx, client, l.writers+i, i) })
		working.Go(func() { l.read(ctx, client, i, false) })
		working.Go(func() { l.read(ctx, client, i, true) })
	}
	for i := 0; i < l.leases; i++ {
		working.Go(func() { l.keepLease(ctx, i) })
	}
	working.Go(func() { l.leaveLeases(ctx) })
	l.out.Write(Event{Type: "begun", End: now()})
	working.Wait()
	l.finish()
}

func (l *Load) client(endpoints []string) *clientv3.Client {
	client, err := clientv3.New(clientv3.Config{
		Endpoints:            endpoints,
		DialTimeout:          5 * time.Second,
		DialKeepAliveTime:    10 * time.Second,
		DialKeepAliveTimeout: 3 * time.Second,
		Logger:               zap.NewNop(),
	})
	if err != nil {
		panic(err)
	}
	return client
}

// begin puts the first key and gives the revision from which all is watched.
func (l *Load) begin(ctx context.Context) int64 {
	for ctx.Err() == nil {
		if revision := l.put(l.all[0], 0, -1, l.prefix+"begin"); revision > 0 {
			return revision
		}
		time.Sleep(50 * time.Millisecond)
	}
	return 0
}

// finish marks the end by a put that every watcher waits for, and reads everything once at each endpoint.
func (l *Load) finish() {
	for l.put(l.all[0], 0, -1, l.prefix+endKey) == 0 {
		time.Sleep(50 * time.Millisecond)
	}
	done := make(chan struct{})
	go func() { l.seen.Wait(); close(done) }()
	select {
	case <-done:
	case <-time.After(l.drain):
	}
	for i, client := range l.single {
		l.readAll(client, i)
	}
	l.out.Write(Event{Type: "ended", End: now()})
}
