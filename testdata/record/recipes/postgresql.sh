# shellcheck shell=bash disable=SC2034
# SPDX-License-Identifier: Apache-2.0
packages='postgresql postgresql-client'
versions='postgresql-15'
ready='tcp/5432'
expect='pgsql.type=="Startup message";pgsql.type=="Simple query";pgsql.type=="SSL request";tls.handshake.type==1'
protocols='postgresql tls'
shows='PostgreSQL: start-up with a password, two queries, an error, a cancelled start, and the same after the request for TLS'

server() {
	local bin
	bin=$(echo /usr/lib/postgresql/*/bin)
	mkdir data /run/postgresql && certificate db db.example.com
	chown -R postgres: data db.* /run/postgresql && chmod 600 db.key && echo secret >/tmp/password
	runuser -u postgres -- "$bin/initdb" -D data -A scram-sha-256 --pwfile=/tmp/password --no-sync --locale=C
	echo 'host all all 192.0.2.0/24 scram-sha-256' >>data/pg_hba.conf
	runuser -u postgres -- "$bin/postgres" -D data -c listen_addresses=192.0.2.20 -c fsync=off -c ssl=on \
		-c "ssl_cert_file=$HOME/db.pem" -c "ssl_key_file=$HOME/db.key"
}

client() {
	export PGPASSWORD=secret
	psql "host=192.0.2.20 user=postgres dbname=postgres sslmode=disable" -c 'select 1 as one' -c 'select version()' -c 'select nothing' || true
	psql "host=192.0.2.20 user=postgres dbname=postgres sslmode=require" -c 'select 1 as one'
}
