# shellcheck shell=bash disable=SC2034
# SPDX-License-Identifier: Apache-2.0
packages='mariadb-server mariadb-client openssl'
versions='mariadb-server'
ready='tcp/3306'
expect='mysql.server_greeting;mysql.query;mysql.error_code;tls.handshake.type==1'
protocols='mysql'
shows='MySQL protocol: log-in, two queries, an error, a refused log-in, and a session that turns to TLS'

server() {
	certificate db db.example.com
	mkdir data && chmod 755 data && chown mysql: data db.* && mkdir -p /run/mysqld && chown mysql: /run/mysqld
	printf '%s\n' "CREATE USER 'alice'@'%' IDENTIFIED BY 'secret';" "GRANT ALL ON *.* TO 'alice'@'%';" >init.sql
	mariadb-install-db --no-defaults --user=mysql --datadir="$HOME/data" --skip-test-db
	mariadbd --no-defaults --user=mysql --datadir="$HOME/data" --bind-address=192.0.2.20 --init-file="$HOME/init.sql" \
		--ssl-cert="$HOME/db.pem" --ssl-key="$HOME/db.key" --innodb-flush-log-at-trx-commit=0
}

client() {
	mariadb --no-defaults --skip-ssl -h 192.0.2.20 -ualice -psecret -e 'select 1; select version(); select nothing from nowhere' || true
	mariadb --no-defaults --skip-ssl -h 192.0.2.20 -ualice -pwrong -e 'select 1' || true
	mariadb --no-defaults --ssl -h 192.0.2.20 -ualice -psecret -e 'select 1'
}
