// Package testserver stands in for k8s.io/apiserver/pkg/storage/etcd3/testserver: where that embeds an etcd in the
// process of the tests, this starts a program, the one that $STORAGE_SERVER names (a JSON list of a command and
// its arguments), on a port and a data directory of its own for each test that asks, and ends it with the test.
//
// It is compiled into the tests of Kubernetes by `go test -overlay`: see the recipe of scripts/tools.ts.
package testserver

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strconv"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
	"go.etcd.io/etcd/client/v3/kubernetes"
	"go.etcd.io/etcd/server/v3/embed"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest"
	storagetesting "k8s.io/apiserver/pkg/storage/testing"
)

const (
	commandVariable = "STORAGE_SERVER"
	startMax        = 60 * time.Second
	stopMax         = 10 * time.Second
	// Ports are taken from where neither well-known services are nor those that Linux hands out by itself (32,768 and
	// above): somebody else could take such a one between its choice here and the start of the server.
	portMin = 15_000
	portEnd = 32_000
)

// NewTestConfig is what a test changes before it starts its server. Only what flagsOf passes on may be changed.
func NewTestConfig(t testing.TB) *embed.Config {
	cfg := embed.NewConfig()
	cfg.UnsafeNoFsync = true
	cfg.Dir = t.TempDir()
	client := url.URL{Scheme: "http", Host: net.JoinHostPort("localhost", freePort(t))}
	cfg.ListenClientUrls = []url.URL{client}
	cfg.AdvertiseClientUrls = []url.URL{client}
	return cfg
}

// RunEtcd starts a server and connects a client to it; both end with the test.
func RunEtcd(t testing.TB, cfg *embed.Config) *kubernetes.Client {
	t.Helper()
	if cfg == nil {
		cfg = NewTestConfig(t)
	}
	startServer(t, cfg)
	tlsConfig, err := cfg.ClientTLSInfo.ClientConfig()
	if err != nil {
		t.Fatal(err)
	}
	endpoint := cfg.AdvertiseClientUrls[0]
	client, err := kubernetes.New(clientv3.Config{
		TLS:         tlsConfig,
		Endpoints:   []string{endpoint.String()},
		DialTimeout: 10 * time.Second,
		Logger:      zaptest.NewLogger(t, zaptest.Level(zapcore.ErrorLevel)).Named("etcd-client"),
	})
	if err != nil {
		t.Fatal(err)
	}
	// A server in the process of the tests is ready when they begin, and near: so is this one, and the way to it.
	ready, cancel := context.WithTimeout(context.Background(), startMax)
	defer cancel()
	if _, err := client.Txn(ready).Then(clientv3.OpGet("none")).Commit(); err != nil {
		t.Fatal(err)
	}
	// The tests count requests through these.
	recorder := storagetesting.NewKubernetesRecorder(client.Kubernetes)
	client.KV = storagetesting.NewKVRecorder(client.KV, recorder)
	client.Kubernetes = recorder
	return client
}

func startServer(t testing.TB, cfg *embed.Config) {
	t.Helper()
	var command []string
	if err := json.Unmarshal([]byte(os.Getenv(commandVariable)), &command); err != nil || len(command) == 0 {
		t.Fatalf("$%s is no JSON list of a command: %v", commandVariable, err)
	}
	log, err := os.Create(filepath.Join(t.TempDir(), "server.log"))
	if err != nil {
		t.Fatal(err)
	}
	server := exec.Command(command[0], append(command[1:], flagsOf(t, cfg)...)...)
	server.Stdout, server.Stderr = log, log
	started := time.Now()
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	var stopping atomic.Bool
	exited := make(chan struct{})
	go func() {
		defer close(exited)
		err := server.Wait()
		if !stopping.Load() {
			t.Errorf("the server ended by itself: %v\n%s", err, tailOf(log.Name()))
		}
	}()
	t.Cleanup(func() {
		stopping.Store(true)
		stop(t, server, exited)
		log.Close()
		noErrorIn(t, log.Name())
	})
	host := cfg.ListenClientUrls[0].Host
	for !listens(host) {
		select {
		case <-exited:
			t.FailNow()
		case <-time.After(20 * time.Millisecond):
		}
		if time.Since(started) > startMax {
			t.Fatalf("the server does not listen on %s within %s\n%s", host, startMax, tailOf(log.Name()))
		}
	}
	// The suite counts the tests that say this: the others tell nothing about a server.
	fmt.Printf("storage server %d of %s after %s\n", server.Process.Pid, t.Name(), time.Since(started).Round(time.Millisecond))
}

// flagsOf fails the test if it changed a setting that no flag passes on: it would test something else.
func flagsOf(t testing.TB, cfg *embed.Config) []string {
	t.Helper()
	info := cfg.ClientTLSInfo
	flags := []string{
		"--data-dir=" + filepath.Join(cfg.Dir, "data"),
		"--listen-client-urls=" + cfg.ListenClientUrls[0].String(),
		"--advertise-client-urls=" + cfg.AdvertiseClientUrls[0].String(),
		"--unsafe-no-fsync=" + strconv.FormatBool(cfg.UnsafeNoFsync),
		"--watch-progress-notify-interval=" + cfg.WatchProgressNotifyInterval.String(),
		"--quota-backend-bytes=" + strconv.FormatInt(cfg.QuotaBackendBytes, 10),
		"--cert-file=" + info.CertFile,
		"--key-file=" + info.KeyFile,
		"--trusted-ca-file=" + info.TrustedCAFile,
	}
	passedOn := map[string]bool{
		"Dir": true, "UnsafeNoFsync": true, "WatchProgressNotifyInterval": true, "QuotaBackendBytes": true,
	}
	is, was := reflect.ValueOf(*cfg), reflect.ValueOf(*embed.NewConfig())
	for i := range is.NumField() {
		field := is.Type().Field(i)
		if !field.IsExported() || passedOn[field.Name] || !field.Type.Comparable() {
			continue
		}
		switch field.Type.Kind() {
		case reflect.Bool, reflect.Int, reflect.Int64, reflect.Uint, reflect.Uint32, reflect.Uint64, reflect.String:
			if is.Field(i).Interface() != was.Field(i).Interface() {
				t.Fatalf("%s of the server is set to %v, which no flag passes on", field.Name, is.Field(i).Interface())
			}
		}
	}
	return flags
}

// freePort is one on which nobody listens.
func freePort(t testing.TB) string {
	for range 1000 {
		port := strconv.Itoa(portMin + rand.IntN(portEnd-portMin))
		listener, err := net.Listen("tcp", net.JoinHostPort("localhost", port))
		if err != nil {
			continue
		}
		listener.Close()
		return port
	}
	t.Fatal("no port is free")
	return ""
}

func listens(host string) bool {
	connection, err := net.DialTimeout("tcp", host, time.Second)
	if err != nil {
		return false
	}
	connection.Close()
	return true
}

func stop(t testing.TB, server *exec.Cmd, exited <-chan struct{}) {
	server.Process.Signal(syscall.SIGTERM)
	select {
	case <-exited:
	case <-time.After(stopMax):
		t.Errorf("the server does not end within %s of a SIGTERM", stopMax)
		server.Process.Kill()
		<-exited
	}
}

// noErrorIn fails the test if the server logged a line of level error or above.
func noErrorIn(t testing.TB, path string) {
	for _, line := range bytes.Split(read(path), []byte("\n")) {
		var entry struct{ Level string }
		if json.Unmarshal(line, &entry) == nil && (entry.Level == "error" || entry.Level == "fatal") {
			t.Errorf("the server logged %s", line)
		}
	}
}

func tailOf(path string) []byte {
	text := read(path)
	return text[max(0, len(text)-4096):]
}

func read(path string) []byte {
	text, err := os.ReadFile(path)
	if err != nil {
		return []byte(err.Error())
	}
	return text
}
