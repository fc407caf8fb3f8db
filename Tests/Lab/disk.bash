# Disks that boot by themselves (sourced): a GPT with GRUB for BIOS and for UEFI, made without loop devices or root.
#
# Partitions: 1 root (ext4, last on the disk, so that it can grow), 14 GRUB's core, 15 EFI, as on Debian's cloud images.
# Needs (Debian): e2fsprogs dosfstools mtools fdisk grub-common grub-pc-bin grub-efi-amd64-bin.
DISK_CORE=2048 DISK_ESP=6144 DISK_ROOT=38912 # first sectors
DISK_ROOT_PARTITION=5b1a1f52-7a1c-4c57-9f0e-0c6d6f75a001
DISK_ROOT_FILESYSTEM=5b1a1f52-7a1c-4c57-9f0e-0c6d6f75a002

disk_needs() {
    local tool modules
    for tool in mkfs.ext4 mkfs.vfat mmd mcopy sfdisk grub-mkimage; do
        command -v "$tool" >/dev/null || die "missing tool: $tool"
    done
    for modules in i386-pc x86_64-efi; do
        [ -d "/usr/lib/grub/$modules" ] || die "missing: /usr/lib/grub/$modules (packages grub-pc-bin grub-efi-amd64-bin)"
    done
}

# Makes the raw image FILE. TREE holds, besides the rest of the root file system, boot/grub/grub.cfg; WORK is a scratch folder.
make_disk_that_boots() { # FILE MIB TREE WORK
    local file=$1 mib=$2 tree=$3 work=$4 modules="part_gpt ext2 search_fs_uuid normal linux"
    # read by GRUB's smallest parser: a command a line; after it `normal` reads $prefix/grub.cfg
    printf '%s\n' "search.fs_uuid $DISK_ROOT_FILESYSTEM root" "set prefix=(\$root)'/boot/grub'" > "$work/early.cfg"
    # shellcheck disable=SC2086
    grub-mkimage -O i386-pc -p /boot/grub -c "$work/early.cfg" -o "$work/core.img" biosdisk $modules
    # shellcheck disable=SC2086
    grub-mkimage -O x86_64-efi -p /boot/grub -c "$work/early.cfg" -o "$work/bootx64.efi" fat all_video $modules

    rm -f "$file"
    truncate -s "${mib}M" "$file"
    sfdisk -q "$file" <<TABLE
label: gpt
14 : start=$DISK_CORE, size=4096, type=21686148-6449-6E6F-744E-656564454649
15 : start=$DISK_ESP, size=32768, type=C12A7328-F81F-11D2-BA4B-00A0C93EC93B
1 : start=$DISK_ROOT, type=4F68BCE3-E8CD-4DB1-96E7-FBCAF984B709, uuid=$DISK_ROOT_PARTITION
TABLE
    # As grub-bios-setup does, which wants a block device: the boot sector names the first sector of the core, that one the next.
    disk_put "$file" 0 < <(head -c 440 /usr/lib/grub/i386-pc/boot.img)
    disk_put "$file" $((0x5c)) < <(disk_number $DISK_CORE)
    disk_put "$file" $((DISK_CORE * 512)) < "$work/core.img"
    disk_put "$file" $((DISK_CORE * 512 + 0x1f4)) < <(disk_number $((DISK_CORE + 1)))
    truncate -s 16M "$work/esp"
    mkfs.vfat -n EFI "$work/esp" > /dev/null
    mmd -i "$work/esp" ::EFI ::EFI/BOOT
    mcopy -i "$work/esp" "$work/bootx64.efi" ::EFI/BOOT/BOOTX64.EFI
    disk_put "$file" $((DISK_ESP * 512)) < "$work/esp"
    # one MiB is left for the second partition table, at the end
    mkfs.ext4 -q -F -L root -U "$DISK_ROOT_FILESYSTEM" -E "root_owner=0:0,offset=$((DISK_ROOT * 512))" -d "$tree" \
        "$file" $((mib * 1024 - DISK_ROOT / 2 - 1024))k
}
# Writes standard input into the image at that byte.
disk_put() { # FILE OFFSET
    dd of="$1" bs=64k seek="$2" oflag=seek_bytes conv=notrunc,sparse status=none
}
# Eight bytes, little-endian.
disk_number() { printf "$(printf '\\x%02x' $(($1 & 255)) $(($1 >> 8 & 255)) $(($1 >> 16 & 255)) $(($1 >> 24 & 255)))\0\0\0\0"; }
