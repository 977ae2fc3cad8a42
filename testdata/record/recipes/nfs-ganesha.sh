# shellcheck shell=bash disable=SC2034
# SPDX-License-Identifier: Apache-2.0
packages='nfs-ganesha nfs-ganesha-mem libnfs-utils rpcbind'
versions='nfs-ganesha libnfs-utils'
ready='tcp/2049 tcp/111'
expect='nfs.procedure_v3;nfs.procedure_v4;portmap;mount'
protocols='nfs'
shows='NFS versions 3 and 4: port mapper, mount, list, attributes'

server() {
	mkdir -p /run/dbus /run/ganesha /var/lib/nfs/ganesha && dbus-daemon --system --fork --nopidfile
	rpcbind -w
	cat >ganesha.conf <<-END
		NFS_CORE_PARAM { Protocols = 3, 4; Enable_RQUOTA = false; Enable_NLM = false; mount_path_pseudo = true; Nb_Worker = 4; }
		NFSv4 { Graceless = true; Minor_Versions = 0; }
		EXPORT { Export_Id = 1; Path = /files; Pseudo = /files; Access_Type = RW; Squash = No_Root_Squash; SecType = sys, none; FSAL { Name = MEM; } }
	END
	ganesha.nfsd -F -L /dev/stdout -f "$HOME/ganesha.conf" -p /run/ganesha/pid
}

client() {
	sleep 1
	nfs-ls 'nfs://192.0.2.20/files?version=3'
	body 500 >file
	nfs-cp file 'nfs://192.0.2.20/files/file?version=3' || true
	nfs-ls 'nfs://192.0.2.20/files?version=4' || true
}
