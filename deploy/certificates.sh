#!/usr/bin/env bash
# Certificates for a trial or a small installation, with openssl alone; a larger one has an authority of its own.
#
#     bash deploy/certificates.sh DIRECTORY NAME_OR_ADDRESS...
#
# makes in DIRECTORY two authorities that do not know one another, because who may talk to the peer port may do anything:
#   ca.crt       of clients and servers: server.crt (for the names and addresses given, and loopback), client.crt
#   peer-ca.crt  of the nodes among one another: peer.crt (for the same names)
# each with its .key beside it. What exists is kept, so that a later call adds what is missing: remove a .crt to renew it.
set -euo pipefail
[[ $# -ge 2 ]] || { sed -n '2,10s/^# \{0,1\}//p' "$0" >&2; exit 2; }
directory=$1; shift
days=${DAYS:-365}
umask 077
mkdir -p "$directory"
cd "$directory"

names=DNS:localhost,IP:127.0.0.1,IP:::1
for name in "$@"; do
  if [[ $name =~ ^[0-9.]+$ || $name == *:* ]]; then names+=,IP:$name; else names+=,DNS:$name; fi
done

authority() { # FILE COMMON-NAME
  [[ -e $1.crt ]] && return
  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days $((days * 10)) -subj "/CN=$2" \
    -addext basicConstraints=critical,CA:TRUE -addext keyUsage=critical,keyCertSign,cRLSign \
    -keyout "$1.key" -out "$1.crt" 2>/dev/null
}

certificate() { # FILE COMMON-NAME AUTHORITY USES [NAMES]
  [[ -e $1.crt ]] && return
  openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj "/CN=$2" -keyout "$1.key" -out "$1.csr" 2>/dev/null
  {
    echo basicConstraints=critical,CA:FALSE
    echo keyUsage=critical,digitalSignature
    echo "extendedKeyUsage=$4"
    [[ -z ${5:-} ]] || echo "subjectAltName=$5"
  } >"$1.ext"
  openssl x509 -req -in "$1.csr" -CA "$3.crt" -CAkey "$3.key" -set_serial "0x$(openssl rand -hex 16)" -days "$days" \
    -extfile "$1.ext" -out "$1.crt" 2>/dev/null
  rm "$1.csr" "$1.ext"
}

authority ca 'Engram clients'
authority peer-ca 'Engram peers'
certificate server engram-server ca serverAuth "$names"
certificate client engram-client ca clientAuth
certificate peer engram-peer peer-ca serverAuth,clientAuth "$names"
