package main

import (
	"context"
	"fmt"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
)

// keepLease holds a lease with a key for as long as the load goes on, and says when it was lost.
func (l *Load) keepLease(ctx context.Context, who int) {
	client := l.client(l.endpoints)
	for turn := 0; ctx.Err() == nil; turn++ {
		key := fmt.Sprintf("%skept/%d.%d", l.prefix, who, turn)
		id, ok := l.grant(client, who, key, l.ttl)
		if !ok {
			sleep(ctx, 50*time.Millisecond)
			continue
		}
		// Alive beyond the end of the load, so that nothing of it ends while watchers still look.
		kept, err := client.KeepAlive(context.Background(), id)
		if err != nil {
			panic(err)
		}
		for over := false; !over; {
			select {
			case <-ctx.Done():
				return
			case answer, open := <-kept:
				if !open {
					l.out.Write(Event{Type: "lost", Who: who, Endpoint: -1, Key: key, Lease: int64(id), End: now()})
					over = true
				} else {
					l.out.Write(Event{Type: "kept", Who: who, Endpoint: -1, Key: key, Lease: int64(id), TTL: answer.TTL, End: now()})
				}
			}
		}
	}
}

// leaveLeases grants leases that nobody keeps alive: their keys must go, and not too soon.
func (l *Load) leaveLeases(ctx context.Context) {
	client := l.client(l.endpoints)
	for turn := 0; ctx.Err() == nil; turn++ {
		l.grant(client, -1, fmt.Sprintf("%sleft/%d", l.prefix, turn), l.leftTTL)
		sleep(ctx, 500*time.Millisecond)
	}
}

// grant gives a lease that has a key.
func (l *Load) grant(client *clientv3.Client, who int, key string, ttl int64) (clientv3.LeaseID, bool) {
	event := Event{Type: "grant", Who: who, Endpoint: -1, Key: key, Start: now()}
	ctx, cancel := context.WithTimeout(context.Background(), callTimeout)
	defer cancel()
	answer, err := client.Grant(ctx, ttl)
	event.End = now()
	if err != nil {
		event.Error = err.Error()
		l.out.Write(event)
		return 0, false
	}
	event.Lease, event.TTL = int64(answer.ID), answer.TTL
	l.out.Write(event)
	return answer.ID, l.put(client, who, -1, key, clientv3.WithLease(answer.ID)) > 0
}
