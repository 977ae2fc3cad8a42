# shellcheck shell=bash disable=SC2034
# SPDX-License-Identifier: Apache-2.0
packages='python3-pymodbus python3-serial python3-serial-asyncio'
versions='python3-pymodbus'
ready='tcp/502'
expect='modbus.func_code==3;modbus.func_code==6;modbus.exception_code'
protocols='modbus'
shows='Modbus over TCP: coils and registers read and written, an exception, the identification'

server() {
	cat >server.py <<-END
		from pymodbus.datastore import ModbusSequentialDataBlock, ModbusServerContext, ModbusSlaveContext
		from pymodbus.server import StartTcpServer
		block = lambda: ModbusSequentialDataBlock(0, [17] * 100)
		slave = ModbusSlaveContext(di=block(), co=block(), hr=block(), ir=block())
		StartTcpServer(context=ModbusServerContext(slaves=slave, single=True), address=("192.0.2.20", 502))
	END
	python3 server.py
}

client() {
	cat >client.py <<-END
		from pymodbus.client import ModbusTcpClient
		from pymodbus.mei_message import ReadDeviceInformationRequest
		client = ModbusTcpClient("192.0.2.20", port=502)
		client.connect()
		client.read_coils(1, 8, slave=1)
		client.write_coil(1, True, slave=1)
		client.read_holding_registers(1, 10, slave=1)
		client.read_input_registers(1, 10, slave=1)
		client.write_register(1, 42, slave=1)
		client.write_registers(1, [1, 2, 3], slave=1)
		client.read_holding_registers(1000, 10, slave=1)
		client.execute(ReadDeviceInformationRequest(unit=1))
		client.close()
	END
	python3 client.py
}
