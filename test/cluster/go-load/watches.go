package main

import (
	"context"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
)

// watchers: at each endpoint one that goes on by the client's own means and one that wants a leader, and one that knows
// all endpoints, as kube-apiserver does.
func (l *Load) watchers(ctx context.Context, from int64) {
	who := 0
	begin := func(endpoints []string, endpoint int, wantsLeader bool) {
		client, number := l.client(endpoints), who
		who++
		l.seen.Add(1)
		go l.watch(ctx, client, watcher{who: number, endpoint: endpoint, wantsLeader: wantsLeader}, from)
	}
	for i := range l.endpoints {
		begin(l.endpoints[i:i+1], i, false)
		begin(l.endpoints[i:i+1], i, true)
	}
	begin(l.endpoints, -1, false)
	begin(l.endpoints, -1, true)
}

type watcher struct {
	who         int
	endpoint    int
	wantsLeader bool
}

// watch writes what comes; a watch that ended is begun again behind the last revision that was seen whole.
func (l *Load) watch(ctx context.Context, client *clientv3.Client, w watcher, next int64) {
	hasEnded := false
	for ctx.Err() == nil {
		watching, cancel := context.WithCancel(ctx)
		if w.wantsLeader {
			watching = clientv3.WithRequireLeader(watching)
		}
		channel := client.Watch(watching, l.prefix, clientv3.WithPrefix(), clientv3.WithRev(next), clientv3.WithProgressNotify())
		for response := range channel {
			event := Event{Type: "watch", Who: w.who, Endpoint: w.endpoint, End: now(), Revision: response.Header.Revision}
			if err := response.Err(); err != nil {
				event.Type, event.Error = "watch-end", err.Error()
				if response.CompactRevision > 0 {
					event.Modified = response.CompactRevision
				}
			}
			for _, one := range response.Events {
				event.Changes = append(event.Changes, Change{
					Revision: one.Kv.ModRevision,
					Key:      string(one.Kv.Key),
					Value:    string(one.Kv.Value),
					Deleted:  one.Type == clientv3.EventTypeDelete,
				})
				next = max(next, one.Kv.ModRevision+1)
				if string(one.Kv.Key) == l.prefix+endKey {
					hasEnded = true
				}
			}
			if len(event.Changes) > 0 || event.Error != "" || response.IsProgressNotify() {
				l.out.Write(event)
			}
			if hasEnded {
				l.seen.Done()
				cancel()
				return
			}
		}
		cancel()
		sleep(ctx, 50*time.Millisecond)
	}
}
