package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
)

// Longer than a server that was stopped stays so, and than the servers' own limit: what they answer late is seen.
const (
	callTimeout = 12 * time.Second
	// Of one endpoint under way at once.
	readsMax = 400
	endKey   = "end"
)

// put gives the revision, or 0 if it failed: then it may have had an effect all the same.
func (l *Load) put(client *clientv3.Client, who, endpoint int, key string, options ...clientv3.OpOption) int64 {
	value := fmt.Sprintf("%d.", l.next.Next())
	value += strings.Repeat("x", max(0, l.valueSize-len(value)))
	event := Event{Type: "put", Who: who, Endpoint: endpoint, Key: key, Value: value, Start: now()}
	ctx, cancel := context.WithTimeout(context.Background(), callTimeout)
	defer cancel()
	answer, err := client.Put(ctx, key, value, options...)
	event.End = now()
	if err == nil {
		event.Revision = answer.Header.Revision
	} else {
		event.Error = err.Error()
	}
	l.out.Write(event)
	return event.Revision
}

func (l *Load) write(ctx context.Context, client *clientv3.Client, who, endpoint int) {
	for turn := 0; ctx.Err() == nil; turn++ {
		key := fmt.Sprintf("%skey/%d", l.prefix, (turn*7+who*3)%l.keys)
		if l.put(client, who, endpoint, key) == 0 {
			sleep(ctx, 20*time.Millisecond)
		}
		sleep(ctx, l.pause)
	}
}

// read begins a read at fixed times, whether or not those before were answered: a server that stands still has
// questions of all that time before it when it goes on.
func (l *Load) read(ctx context.Context, client *clientv3.Client, endpoint int, serializable bool) {
	places := make(chan struct{}, readsMax)
	ticker := time.NewTicker(l.readEvery)
	defer ticker.Stop()
	for turn := 0; ctx.Err() == nil; turn++ {
		select {
		case <-ctx.Done():
		case <-ticker.C:
			select {
			case places <- struct{}{}:
			default:
				continue
			}
			key := fmt.Sprintf("%skey/%d", l.prefix, turn%l.keys)
			go func() {
				l.get(client, endpoint, key, serializable)
				<-places
			}()
		}
	}
	// All have ended when all places are free.
	for range readsMax {
		places <- struct{}{}
	}
}

func (l *Load) get(client *clientv3.Client, endpoint int, key string, serializable bool) {
	var options []clientv3.OpOption
	if serializable {
		options = append(options, clientv3.WithSerializable())
	}
	event := Event{Type: "get", Endpoint: endpoint, Key: key, Serializable: serializable, Start: now()}
	ctx, cancel := context.WithTimeout(context.Background(), callTimeout)
	defer cancel()
	answer, err := client.Get(ctx, key, options...)
	event.End = now()
	if err != nil {
		event.Error = err.Error()
	} else {
		event.Revision = answer.Header.Revision
		for _, kv := range answer.Kvs {
			event.Modified, event.Value = kv.ModRevision, string(kv.Value)
		}
	}
	l.out.Write(event)
}

// readAll reads all keys at the end; the answer is part of what is judged, so that it is tried again.
func (l *Load) readAll(client *clientv3.Client, endpoint int) {
	for attempt := 0; attempt < 5; attempt++ {
		event := Event{Type: "all", Endpoint: endpoint, Start: now()}
		ctx, cancel := context.WithTimeout(context.Background(), callTimeout)
		answer, err := client.Get(ctx, l.prefix, clientv3.WithPrefix())
		cancel()
		event.End = now()
		if err == nil {
			event.Revision = answer.Header.Revision
			for _, kv := range answer.Kvs {
				event.Changes = append(event.Changes, Change{Revision: kv.ModRevision, Key: string(kv.Key), Value: string(kv.Value)})
			}
			l.out.Write(event)
			return
		}
		event.Error = err.Error()
		l.out.Write(event)
		time.Sleep(300 * time.Millisecond)
	}
}

func sleep(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}
