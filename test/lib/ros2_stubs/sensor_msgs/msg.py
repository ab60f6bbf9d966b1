class Message:
    def __init__(self, **fields):
        self.__dict__.update(fields)


class Header(Message):
    pass


class CompressedImage(Message):
    pass


class PointCloud2(Message):
    pass


class PointField(Message):
    UINT8, UINT32, FLOAT32 = 2, 6, 7
