import Hypervisor
import Testing

@testable import Libvirt

/// Pools as they are written and read.
@Suite struct PoolXMLTests {
    @Test func writtenPoolIsAsKept() throws {
        let spec = PoolSpec(name: "fast <&>", uuid: "77777777-0000-4000-8000-000000000001", path: "/srv/it's fast")
        let xml = try StorageXML.write(spec)
        try Golden.check(xml, "write-pool-dir.xml")
        let seen = try StorageXML.pool(xml, isActive: false, isPersistent: true, autostart: true)
        #expect(seen.name == spec.name && seen.uuid == spec.uuid && seen.path == spec.path && seen.type == "dir" && seen.autostart)
    }

    /// A sparse logical volume would be lost as soon as its first blocks are used up.
    @Test(arguments: ["dir", "fs", "netfs", "rbd", "gluster", "logical", "disk", "zfs"]) func whatIsNoFileIsMadeWhole(_ type: String) throws
    {
        let spec = VolumeSpec(reference: VolumeReference(pool: "p", volume: "v"), format: "raw", capacityBytes: 1 << 30)
        let isSparse = StorageXML.isSparse(poolType: type)
        #expect(isSparse == !["logical", "disk", "zfs"].contains(type))
        #expect(try StorageXML.write(spec, isSparse: isSparse).contains("<allocation") == isSparse)
    }

    /// Of devices libvirt tells what their partitions are, not what lies in them.
    @Test(arguments: [("block", "none"), ("block", "gpt"), ("block", "unknown"), ("network", "unknown"), ("block", "raw")])
    func aDeviceIsRaw(_ type: String, _ format: String) throws {
        let xml = """
            <volume type='\(type)'><name>v</name><capacity unit='bytes'>1</capacity>\
            <target><path>/dev/v</path><format type='\(format)'/></target></volume>
            """
        #expect(try StorageXML.volume(xml, pool: "p").format == "raw")
        #expect(try StorageXML.volume(xml.replacing(format, with: "qcow2"), pool: "p").format == "qcow2")
        #expect(try StorageXML.volume(xml.replacing("'\(type)'", with: "'file'").replacing(format, with: "dir"), pool: "p").format == "dir")
    }

    @Test func aPartitionHasNoFormatAndTheNextNumber() throws {
        let spec = VolumeSpec(reference: VolumeReference(pool: "p", volume: "sdb1"), format: "raw", capacityBytes: 1 << 30)
        #expect(try !StorageXML.write(spec, isSparse: false).contains("<format") && StorageXML.write(spec).contains("<format type='raw'"))
        func next(_ device: String, _ taken: [String]) throws -> String? {
            try StorageXML.nextPartition(of: "<pool type='disk'><source><device path='\(device)'/></source></pool>", taken: taken)
        }
        #expect(try next("/dev/sdb", []) == "sdb1" && next("/dev/sdb", ["sdb1", "sdb3"]) == "sdb2")
        #expect(try next("/dev/nvme0n1", ["nvme0n1p1"]) == "nvme0n1p2")
        #expect(try StorageXML.nextPartition(of: "<pool type='disk'/>", taken: []) == nil)
    }

    /// The forms of libvirt's formatstorage page, as a host prints them.
    @Test(
        arguments: [
            (
                "<pool type='logical'><source><device path='/dev/sda1'/><name>vg0</name><format type='lvm2'/></source><target><path>/dev/vg0</path></target></pool>",
                "logical", "/dev/vg0"
            ),
            (
                "<pool type='netfs'><source><host name='nas'/><dir path='/export'/><format type='nfs'/></source><target><path>/mnt/nas</path></target></pool>",
                "netfs", "/mnt/nas"
            ),
            ("<pool type='fs'><source><device path='/dev/sdb1'/></source><target><path>/mnt/b</path></target></pool>", "fs", "/mnt/b"),
            (
                "<pool type='iscsi'><source><host name='i'/><device path='iqn.2013-06.com.example:t'/></source><target><path>/dev/disk/by-path</path></target></pool>",
                "iscsi", "/dev/disk/by-path"
            ),
            (
                "<pool type='iscsi-direct'><source><host name='i'/><device path='iqn.2013-06.com.example:t'/><initiator><iqn name='x'/></initiator></source></pool>",
                "iscsi-direct", "iqn.2013-06.com.example:t"
            ),
            ("<pool type='rbd'><source><name>rbdpool</name><host name='ceph' port='6789'/></source></pool>", "rbd", "rbdpool"),
            ("<pool type='gluster'><source><host name='g'/><dir path='/'/><name>volume</name></source></pool>", "gluster", "volume"),
            (
                "<pool type='zfs'><source><name>tank/vms</name></source><target><path>/dev/zvol/tank/vms</path></target></pool>", "zfs",
                "/dev/zvol/tank/vms"
            ),
            ("<pool type='mpath'><source/><target><path>/dev/mapper</path></target></pool>", "mpath", "/dev/mapper"),
            ("<pool><source/><target><path/></target></pool>", "", nil),
        ] as [(String, String, String?)])
    func poolsOfAllKindsAreRead(_ xml: String, _ type: String, _ path: String?) throws {
        let seen = try StorageXML.pool(xml, isActive: true, isPersistent: false, autostart: false)
        #expect(seen.type == type)
        #expect(seen.path == path)
        #expect(!seen.isPersistent)
    }
}
